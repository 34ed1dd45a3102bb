import type { OptionSpec, ToolSpec } from '../common/spec.ts';

/** Subcommands: how each is written after `guestfs`, and what it does. */
const commands: readonly (readonly [name: string, usage: string, words: string])[] = [
  ['appliance', 'build|check|list|drop [DIRECTORY]', 'make or look at the machine of the appliance backend'],
  ['cat', 'DISK FILE...', 'print files'],
  ['copy-out', 'DISK PATH... LOCAL-DIRECTORY', 'copy files and directories to the host'],
  ['df', 'DISK...', 'show free space'],
  ['filesystems', 'DISK...', 'list filesystems, partitions and volumes'],
  ['inspect', 'DISK...', 'tell which operating system is there'],
  ['log', 'DISK...', 'print the system log'],
  ['ls', 'DISK [DIRECTORY...]', 'list files'],
  ['shell', '[OPTION...] [DISK...]', 'open the shell, as guestfish does'],
  ['tail', 'DISK FILE...', 'follow files as they grow'],
  ['tar-out', 'DISK DIRECTORY ARCHIVE', 'pack a directory into a tar archive'],
];

/** The commands of guestfs, for its manual page. */
export const guestfsCommands = commands;

/** guestfs's command line. */
export const guestfsSpec: ToolSpec = {
  name: 'guestfs',
  summary: 'look into disk images of virtual machines',
  usage: ['DISK...', 'COMMAND [OPTION...] DISK... [ARGUMENT...]'],
  options: [
    { name: 'help', long: ['help'], help: 'show this help' },
    { name: 'version', short: 'V', long: ['version'], help: 'show the version' },
  ],
  examples: [
    ['guestfs guest.qcow2', 'open the shell on a disk'],
    ['guestfs ls -l guest.qcow2 /etc', 'list a directory'],
    ['guestfs cat guest.qcow2 /etc/os-release', 'print a file'],
    ['guestfs inspect guest.qcow2', 'which operating system is it?'],
  ],
};

/** Usage of a subcommand, for its --help. */
export function commandUsage(name: string): string[] {
  const found = commands.find(([command]) => command === name);
  return found === undefined ? [] : [`[OPTION...] ${found[1]}`];
}

/** Options of `guestfs inspect`: those of virt-inspector, and the choice of XML. */
export function inspectOptions(options: readonly OptionSpec[]): OptionSpec[] {
  return [
    ...options.filter(({ name }) => name !== 'xpath'),
    { name: 'xml', long: ['xml'], help: 'write XML' },
  ];
}

/** What `guestfs --help` prints. */
export function guestfsHelp(): string {
  let text = `guestfs: ${guestfsSpec.summary}\n\nUsage:\n`;
  text += '  guestfs DISK...                      open the shell on the disks, for looking\n';
  for (const [name, usage, words] of commands) {
    text += `  ${`guestfs ${name} ${usage}`.padEnd(49)} ${words}\n`;
  }
  text +=
    "\n'guestfs COMMAND --help' shows the options of a command. Several disks of one guest:\n-a DISK -a DISK.\n\nExamples:\n";
  for (const [command, words] of guestfsSpec.examples) text += `  ${command.padEnd(40)} ${words}\n`;
  return `${text}\nMore: man guestfs\n`;
}
