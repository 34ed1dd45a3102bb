import { ownCommands } from '../../../src/tools/guestfish/own.ts';
import { guestfishSpec } from '../../../src/tools/specs/guestfish.ts';
import type { ManPage } from '../page.ts';
import { STRINGS } from './words.ts';

const own = ownCommands
  .map(({ usage, description, aliases }) => {
    const others = aliases.length === 0 ? '' : ` Also: ${aliases.join(', ')}.`;
    return `- \`${usage}\`: ${description}${others}`;
  })
  .join('\n');

/** guestfish(1). */
export const guestfishPage: ManPage = {
  spec: guestfishSpec,
  description: `guestfish is a shell on the disks of a virtual machine: every action of the libguestfs API is a command. It can be used at a terminal, in scripts, and for single commands.

The quickest way in is to name a disk. guestfish opens it read-only, looks for an operating system and mounts its filesystems where they belong; or, if the disk holds just one filesystem, mounts that:

    $ guestfish guest.qcow2
    ><fs> cat /etc/os-release

With \`-a\` disks are only added, and the rest is up to the commands: \`run\` launches, \`list-filesystems\` shows what there is, and \`mount-ro\` makes files visible. \`-i\` and \`-m\` do these steps.

    $ guestfish -a disk.img run : list-filesystems

Commands are the actions' names, with hyphens or underscores, in upper or lower case. \`help COMMAND\` tells about one; **guestfish-commands**(1) about all.

Scripts written for libguestfs's guestfish run unchanged, with one difference: disks named with options are opened read-only unless \`--rw\` is given.`,
  sections: [
    [
      'COMMANDS ON THE COMMAND LINE',
      `Arguments that are no options are commands with their arguments, separated by a colon that stands alone. Arguments that begin with a dash would be taken for options; write \`--\` before the commands then.

    guestfish -a disk.img -m /dev/sda1 -- ls / : head-n 3 /notes`,
    ],
    [
      'SCRIPTS',
      `Without commands on the command line they are read from \`-f\`, or from standard input. The first command that fails ends a script with exit status 1; one that is written with a leading dash may fail. At a terminal nothing ends the shell but \`quit\` and Ctrl-D, and Ctrl-C stops the running command.

A line that begins with # (after spaces) is a comment. A message about a command in a script begins with the script's name and the line.`,
    ],
    [
      'QUOTING',
      `Arguments are separated by spaces and tabs. Quotes keep spaces together; the closing one must be followed by a space. In single quotes every character is itself. In double quotes a backslash begins an escape: \`\\a \\b \\f \\n \\r \\t \\v\`, \`\\"\`, \`\\'\`, \`\\\\\`, \`\\ooo\` (three octal digits) and \`\\xhh\` (two hexadecimal digits); the numbers are bytes.

An argument that is a list is given as one argument, its words separated by spaces; words with spaces stand in single quotes, and \`\\'\` is a quote:

    echo-daemon "one two 'three and four'"

Optional arguments come last, each as its name, a colon and the value: \`tar-out /etc etc.tar.gz compress:gzip numericowner:true\`.

A word that begins with \`~\` or \`~user\` means that home directory on the host, unless it is quoted.`,
    ],
    [
      'NUMBERS',
      `Numbers are decimal, octal with a leading 0 (\`chmod 0755 /x\`), or hexadecimal with 0x. A suffix makes sizes: \`K\`, \`M\`, \`G\`, \`T\`, \`P\`, \`E\` (also \`KiB\` and so on) in powers of 1024, \`KB\`, \`MB\`, ... in powers of 1000. A size always means bytes: where a command counts megabytes or sectors, \`100M\` is still 100 megabytes.

Booleans are \`true\`, \`t\`, \`yes\`, \`y\`, \`on\`, \`1\` and their opposites.`,
    ],
    [
      'WILDCARDS',
      `Only \`glob\` expands wildcards: \`glob cat /etc/*release\` runs the command once for each match.`,
    ],
    [
      'THE HOST',
      `A line that begins with \`!\` is run by the host's shell. One that begins with \`<!\` too, and what it prints is read as commands. \`command | host command\` gives the output of a command to a host command (with a space before the bar):

    ls /home | sort -r
    tar-out /etc - | tar tf -

Commands that read or write a file of the host take \`-\` for standard input and output. A file that is read can also stand in the script, up to a line of your choice:

    upload -<<END /etc/motd
    Welcome.
    END

\`lcd\` changes the host directory.`,
    ],
    [
      'KEYS',
      `Commands that need a passphrase ask for it at the terminal, or take the next line of standard input with \`--keys-from-stdin\`.`,
    ],
    [
      'WINDOWS PATHS',
      `Where a command expects a path, \`win:C:\\Windows\\win.ini\` means that file of an inspected Windows guest.`,
    ],
    [
      'REMOTE CONTROL',
      `A guestfish in the background can take commands from other processes, which saves opening the disks again and again in a script:

    eval "$(guestfish --listen -a disk.img -i)"
    guestfish --remote cat /etc/hostname
    guestfish --remote exit

\`--listen\` prints an assignment to GUESTFISH_PID, which \`--remote\` uses; \`--remote=PID\` names another one, and \`--csh\` prints the assignment for csh. The server ends when a command fails (unless it is written with a leading dash). The socket is in a directory in /tmp that only its owner can enter.`,
    ],
    ['GUEST STRINGS', STRINGS],
    ['COMMANDS OF THE SHELL', `These are not actions of the API:\n\n${own}`],
    [
      'ENVIRONMENT',
      `- \`EDITOR\`: editor of \`edit\`.
- \`PAGER\`: pager of \`more\`.
- \`HEXEDITOR\`: program of \`hexedit\`.
- \`GUESTFISH_DISPLAY_IMAGE\`: program of \`display\`.
- \`GUESTFISH_PS1\`: the prompt. It, and the three that follow, may have the escapes \`\\a \\e \\n \\r \\\\ \\NNN \\xNN\`, for colours; \`\\[\` and \`\\]\` are accepted.
- \`GUESTFISH_INIT\`: printed before the welcome text.
- \`GUESTFISH_OUTPUT\`: printed before the output of a command at the terminal.
- \`GUESTFISH_RESTORE\`: printed at the end.
- \`GUESTFISH_PID\`: process that \`--remote\` talks to.
- \`LIBGUESTFS_BACKEND\`: which backend to use.
- \`LIBGUESTFS_DEBUG\`: 1 is \`-v\`.
- \`LIBGUESTFS_TRACE\`: 1 is \`-x\`.
- \`TMPDIR\`: where temporary files are made.`,
    ],
    ['FILES', '- `~/.guestfish`: history of the interactive shell.'],
  ],
  seeAlso: ['guestfish-commands(1)', 'guestfs(1)', 'virt-cat(1)', 'virt-filesystems(1)', 'virt-ls(1)'],
};
