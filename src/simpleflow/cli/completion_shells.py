"""How shells ask for completions: corrections to click's classes, for ``--option=value`` and for names with commas.

A shell says which word is being typed, and puts an item in its place. With ``--option=value``, bash begins a word
behind the ``=``, and the others do not; click looks for completions of the value alone in any case. So the words of
bash are joined here as click expects them, and the scripts of zsh and fish keep what stands before the value. Fish
splits its items at the first comma only, since names of steps are separated by commas.
"""

from __future__ import annotations

from click import shell_completion as click_shells


def register() -> None:
    """Use the classes of this module."""
    for each in (Bash, Zsh, Fish):
        click_shells.add_completion_class(each)


class Bash(click_shells.BashComplete):
    """Completion in bash, which inserts an item as it is: names with blanks and the like are quoted."""

    source_template = click_shells.BashComplete.source_template.replace(
        "COMPREPLY+=($value)",
        r"""[[ $value == *[[:space:]\'\"\\\$\`\&\;\(\)\<\>\|\*\?\#\!]* ]] && printf -v value %%q "$value"
            COMPREPLY+=("$value")""",
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is being typed, without a ``=`` between an option and its value."""
        args, incomplete = super().get_completion_args()
        return (args[:-1] if args[-1:] == ["="] else args), incomplete


class Zsh(click_shells.ZshComplete):
    """Completion in zsh."""

    source_template = (
        click_shells.ZshComplete.source_template.replace(
            "    for type key descr in",
            "    local before=${(M)words[CURRENT]#--*=}\n\n    for type key descr in",
        )
        .replace('("$key")', '("$before$key")')
        .replace('("$key":', '("$before$key":')
        .replace("_path_files", "compset -P '--*='; _path_files")
    )


class Fish(click_shells.FishComplete):
    """Completion in fish."""

    source_template = """\
function %(complete_func)s;
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \
COMP_CWORD=(commandline -t) %(prog_name)s);
    set -l before (string match -r -- '^--[^=]+=' (commandline -t));

    for completion in $response;
        set -l metadata (string split -m 1 "," $completion);

        if test $metadata[1] = "dir";
            for found in (__fish_complete_directories $metadata[2]);
                echo "$before$found";
            end;
        else if test $metadata[1] = "file";
            for found in (__fish_complete_path $metadata[2]);
                echo "$before$found";
            end;
        else if test $metadata[1] = "plain";
            echo "$before$metadata[2]";
        end;
    end;
end;

complete --no-files --command %(prog_name)s --arguments \
"(%(complete_func)s)";
"""
