import type { OptionSpec, ToolSpec } from '../common/spec.ts';
import type { ImageCommand } from './images.ts';

/** Subcommands: how each is written after `guestfs`, and what it does. */
const commands: readonly (readonly [name: string, usage: string, words: string])[] = [
  [
    'appliance',
    'build|check|save|list|drop [DIRECTORY]',
    'make or look at the machine of the appliance backend',
  ],
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

/** Subcommands that work on disk images as such, in the order in which one needs them. */
const imageCommands: readonly (readonly [name: ImageCommand, usage: string, words: string])[] = [
  ['create', 'DISK SIZE', 'make an empty disk image'],
  ['convert', 'DISK NEW-DISK', 'copy an image into another format'],
  ['resize-image', 'DISK [+|-]SIZE', 'give an image another size'],
  ['compact', 'DISK...', 'give back what an image does not need'],
  ['overlay', 'BASE OVERLAY', 'make an overlay that keeps an image as it is'],
  ['commit', 'OVERLAY', 'write an overlay into its base'],
  ['discard', 'OVERLAY...', 'remove an overlay'],
];

/** Whether a word is a subcommand that works on disk images as such. */
export function isImageCommand(word: string): word is ImageCommand {
  return imageCommands.some(([name]) => name === word);
}

/** The commands of guestfs, for its manual page. */
export const guestfsCommands = commands;
export const guestfsImageCommands = imageCommands;

/** guestfs's command line. */
export const guestfsSpec: ToolSpec = {
  name: 'guestfs',
  summary: 'look into disk images of virtual machines, and work with images',
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
    ['guestfs convert -c disk.img disk.qcow2', 'a compressed copy'],
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
  text += '\nDisk images:\n';
  for (const [name, usage, words] of imageCommands) {
    text += `  ${`guestfs ${name} ${usage}`.padEnd(49)} ${words}\n`;
  }
  text +=
    "\n'guestfs COMMAND --help' shows the options of a command. Several disks of one guest:\n-a DISK -a DISK.\n\nExamples:\n";
  for (const [command, words] of guestfsSpec.examples) text += `  ${command.padEnd(40)} ${words}\n`;
  return `${text}\nMore: man guestfs\n`;
}
