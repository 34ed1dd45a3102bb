import { actionEntry, type ActionEntry } from '../../src/actions/table.ts';
import { implementations } from '../../src/daemon/registry.ts';
import { linuxImplementations } from '../../src/daemon/linux-registry.ts';

/** Names of the actions that the daemons of both platforms have. */
export const commonActions: readonly string[] = Object.keys(implementations).filter(
  (name) => name in linuxImplementations,
);

/** A command of guestfish. */
interface Command {
  readonly command: string;
  readonly words: readonly string[];
}

/** What the arguments of a call are, by their types. */
interface Situation {
  readonly path: string;
  readonly device: string;
  readonly number: string;
  readonly text: string;
  /** Makes the path anew, which a call before may have removed or changed. */
  readonly renew?: string;
}

const MISSING: Situation = {
  path: '/missing/file',
  device: '/dev/sdz',
  number: '1',
  text: 'nothing',
  renew: 'rm-rf /missing',
};
/** Arguments that are wrong in one way each; a call that is well with them is compared as well. */
const SITUATIONS: readonly Situation[] = [
  MISSING,
  { ...MISSING, path: 'relative', device: 'sdb' },
  { ...MISSING, path: '/dir', device: '/dev/sdb', renew: 'mkdir-p /dir' },
  { ...MISSING, path: '/file', device: '/dev/sdc', renew: 'write /file content' },
  { path: '/file', device: '/dev/sdb', number: '-1', text: '', renew: 'write /file content' },
  {
    path: '/circle',
    device: '/dev/nothing/there',
    number: '0',
    text: '/file',
    renew: 'ln-sf circle /circle',
  },
];
const PATHS: ReadonlySet<string> = new Set(['Pathname', 'Dev_or_Path', 'Mountable_or_Path']);
/** Names of files by which comparing knows what is in them, where any other bytes would differ. */
const OUTPUTS: Readonly<Record<string, string>> = {
  internal_readdir: 'dirents',
  walk_out: 'walk',
  tgz_out: 'fresh.tgz',
  txz_out: 'fresh.txz',
};
/** These end the session's mounts or its daemon, wait, or say what differs between any two machines. */
const LEFT_OUT =
  /^(umount|umount_all|internal_autosync|internal_exit|sleep|debug|mount_ro|mount|mount_options|mount_vfs)$/;

/** The session in which {@link failingCalls} are made: `/dev/sda` is its root, `/dev/sdc` is in use, `/dev/sdb` is not. */
const SET_UP = [
  'mkfs ext4 /dev/sda',
  'mkfs ext2 /dev/sdc',
  'mount /dev/sda /',
  'mkdir /c',
  'mount /dev/sdc /c',
];

/** Calls of all actions that both platforms have with arguments that most of them refuse, first with nothing mounted. */
export function failingCalls(): Command[] {
  const entries = commonActions
    .filter((name) => !LEFT_OUT.test(name))
    .map((name) => actionEntry(name) as ActionEntry)
    .filter(({ args }) => args.length > 0);
  const split = (command: string): Command => ({ command, words: command.split(' ') });
  return [
    ...entries.map((entry) => callOf(entry, MISSING)),
    ...SET_UP.map(split),
    ...SITUATIONS.flatMap((situation) =>
      entries.flatMap((entry) => {
        const { renew } = situation;
        const renewed = renew !== undefined && entry.args.some(({ type }) => PATHS.has(type));
        return [...(renewed ? [split(renew)] : []), callOf(entry, situation)];
      }),
    ),
  ];
}

function callOf(entry: ActionEntry, situation: Situation): Command {
  const words = [
    entry.name.replaceAll('_', '-'),
    ...entry.args.map(({ type }) => {
      if (PATHS.has(type)) return situation.path;
      switch (type) {
        case 'Device':
        case 'Mountable':
          return situation.device;
        case 'Int':
        case 'Int64':
          return situation.number;
        case 'Bool':
          return 'true';
        case 'FileIn':
          return 'IN/text';
        case 'FileOut':
          return `OUT/${OUTPUTS[entry.name] ?? 'out'}`;
        case 'StringList':
          return situation.path;
        default:
          return situation.text;
      }
    }),
  ];
  return { command: words.map((word) => (/^[^\s'"]+$/.test(word) ? word : `'${word}'`)).join(' '), words };
}
