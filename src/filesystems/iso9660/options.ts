import { GuestfsError } from '../../errors/index.ts';

/** How names of discs without Rock Ridge are shown. */
export type NameMap = 'normal' | 'off' | 'acorn';

/** Mount options of isofs. */
export interface IsoOptions {
  rock: boolean;
  joliet: boolean;
  map: NameMap;
  /** Names compare without regard to case; undefined leaves it to the kind of disc. */
  relaxed?: boolean;
  /** The high byte of lengths holds something else. */
  cruft: boolean;
  hide: boolean;
  showAssociated: boolean;
  /** Owners that take the place of the disc's. */
  uid?: number;
  gid?: number;
  fileMode?: number;
  directoryMode?: number;
  /** Modes given here take the place of Rock Ridge's too. */
  overrideRockPermissions: boolean;
  /** Files of zisofs are shown as they are stored. */
  nocompress: boolean;
  /** Sector at which the session begins. */
  session: number;
}

/** Options that change nothing in what is read here. */
const IGNORED =
  /^(ro|utf8|iocharset=.*|block=(512|1024|2048)|session=.*|(no|rel|strict)?atime|(no)?diratime|(no)?(exec|dev|suid|auto|user|users)|defaults|sync|async|dirsync|loop)$/;

const MAPS: Readonly<Record<string, NameMap>> = {
  normal: 'normal',
  n: 'normal',
  off: 'off',
  o: 'off',
  acorn: 'acorn',
  a: 'acorn',
};

/** Understand mount options as mount(8) documents them for iso9660. Throws EINVAL for one that is unknown. */
export function parseOptions(options: readonly string[]): IsoOptions {
  const result: IsoOptions = {
    rock: true,
    joliet: true,
    map: 'normal',
    cruft: false,
    hide: false,
    showAssociated: false,
    overrideRockPermissions: false,
    nocompress: false,
    session: 0,
  };
  for (const option of options) {
    const at = option.indexOf('=');
    const name = at < 0 ? option : option.slice(0, at);
    const value = at < 0 ? '' : option.slice(at + 1);
    switch (name) {
      case 'norock':
        result.rock = false;
        break;
      case 'nojoliet':
        result.joliet = false;
        break;
      case 'map': {
        const map = Object.hasOwn(MAPS, value) ? MAPS[value] : undefined;
        if (map === undefined) throw bad(option);
        result.map = map;
        break;
      }
      case 'check':
        if (!/^(r|relaxed|s|strict)$/.test(value)) throw bad(option);
        result.relaxed = value.startsWith('r');
        break;
      case 'cruft':
      case 'hide':
      case 'nocompress':
        result[name] = true;
        break;
      case 'unhide':
      case 'showassoc':
        result.showAssociated = true;
        break;
      case 'uid':
      case 'gid':
        result[name] = number(option, value, 10);
        break;
      case 'mode':
        result.fileMode = number(option, value, 8) & 0o7777;
        break;
      case 'dmode':
        result.directoryMode = number(option, value, 8) & 0o7777;
        break;
      case 'overriderockperm':
        result.overrideRockPermissions = true;
        break;
      case 'sbsector':
        result.session = number(option, value, 10);
        break;
      default:
        if (option !== '' && !IGNORED.test(option)) throw bad(option);
    }
  }
  return result;
}

function number(option: string, value: string, radix: number): number {
  const digits = radix === 8 ? /^[0-7]{1,6}$/ : /^\d{1,10}$/;
  if (!digits.test(value)) throw bad(option);
  return Number.parseInt(value, radix);
}

function bad(option: string): GuestfsError {
  return new GuestfsError('EINVAL', `mount option ${option} is not one that iso9660 knows`);
}
