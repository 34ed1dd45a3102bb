import { GuestfsError } from '../../errors/index.ts';
import { codePage, type CodePage } from './codepage.ts';

/** How the volume is shown, from the mount options of vfat. */
export interface FatOptions {
  uid: number;
  gid: number;
  /** Permission bits taken from files and from directories. */
  fmask: number;
  dmask: number;
  /** Only programs (.exe, .com, .bat) are executable. */
  showexec: boolean;
  /** The read-only attribute counts on directories too. */
  rodir: boolean;
  /** Minutes that the volume's clock is ahead of UTC. */
  timeOffset: number;
  shortNames: 'as-stored' | 'lower' | 'upper';
  /** A new name all of whose letters are small is kept as a short one with flags, not as a long one. */
  lowerFlags: boolean;
  /** A short name that is no exact one gets a numeric tail only where it is needed to tell names apart. */
  noTail: boolean;
  /** What cannot be kept (owners, modes) is left out without an error. */
  quiet: boolean;
  codePage: CodePage;
}

/** Options that change nothing in what is read here. */
const IGNORED =
  /^(ro|rw|utf8(=.*)?|iocharset=.*|tz=UTC|check=.*|allow_utime=.*|usefree|nocase|flush|discard|errors=.*|nfs(=.*)?|sys_immutable|uni_xlate(=.*)?|numtail(=.*)?|debug|(no|rel|strict)?atime|(no)?diratime|(no)?(exec|dev|suid|auto|user|users)|defaults|sync|async|dirsync|loop)$/;

const SHORT_NAMES: Readonly<Record<string, FatOptions['shortNames']>> = {
  lower: 'lower',
  win95: 'upper',
  winnt: 'as-stored',
  mixed: 'as-stored',
};

/**
 * Understand mount options as mount(8) documents them for fat and vfat. Names are always shown as UTF-8. Throws
 * EINVAL for an option that is unknown or has a bad value.
 */
export function parseOptions(options: readonly string[]): FatOptions {
  const result: FatOptions = {
    uid: 0,
    gid: 0,
    fmask: 0o022,
    dmask: 0o022,
    showexec: false,
    rodir: false,
    timeOffset: 0,
    shortNames: 'as-stored',
    lowerFlags: false,
    noTail: false,
    quiet: false,
    codePage: codePage('437'),
  };
  for (const option of options) {
    const [name, value = ''] = split(option);
    switch (name) {
      case 'uid':
      case 'gid':
        result[name] = number(option, value, 10);
        break;
      case 'umask':
        result.fmask = result.dmask = number(option, value, 8);
        break;
      case 'fmask':
      case 'dmask':
        result[name] = number(option, value, 8);
        break;
      case 'time_offset':
        result.timeOffset = number(option, value, 10);
        break;
      case 'codepage':
        result.codePage = codePage(value);
        break;
      case 'showexec':
      case 'rodir':
      case 'quiet':
        result[name] = true;
        break;
      case 'nonumtail':
        result.noTail = !/^(0|no|false)$/.test(value);
        break;
      case 'shortname': {
        const kind = Object.hasOwn(SHORT_NAMES, value) ? SHORT_NAMES[value] : undefined;
        if (kind === undefined) throw bad(option);
        result.shortNames = kind;
        result.lowerFlags = value === 'winnt';
        break;
      }
      default:
        if (option !== '' && !IGNORED.test(option)) throw bad(option);
    }
  }
  return result;
}

function split(option: string): [string, string?] {
  const at = option.indexOf('=');
  return at < 0 ? [option] : [option.slice(0, at), option.slice(at + 1)];
}

function number(option: string, value: string, radix: number): number {
  const digits = radix === 8 ? /^[0-7]{1,6}$/ : /^-?\d{1,10}$/;
  if (!digits.test(value)) throw bad(option);
  return Number.parseInt(value, radix);
}

function bad(option: string): GuestfsError {
  return new GuestfsError('EINVAL', `mount option ${option} is not one that vfat knows`);
}
