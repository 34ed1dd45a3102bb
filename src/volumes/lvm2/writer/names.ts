import { GuestfsError } from '../../../errors/index.ts';
import { mapperName } from '../names.ts';

const ALLOWED = /^[A-Za-z0-9+_.][A-Za-z0-9+_.-]*$/;
/** lvm(8), "VALID NAMES": parts of volumes are called so. */
const RESERVED_STARTS: readonly string[] = ['snapshot', 'pvmove'];
const RESERVED_PARTS: readonly string[] = [
  '_cdata',
  '_cmeta',
  '_corig',
  '_cpool',
  '_cvol',
  '_wcorig',
  '_mlog',
  '_mimage',
  '_pmspare',
  '_rimage',
  '_rmeta',
  '_tdata',
  '_tmeta',
  '_vdata',
  '_imeta',
  '_iorig',
  '_vorigin',
];
const MAX_NAME = 127;
/** What /dev has on every Linux, so that a group cannot have its name. */
const DEV_NAMES: readonly string[] = [
  'block',
  'bus',
  'char',
  'disk',
  'fd',
  'input',
  'mapper',
  'md',
  'mqueue',
  'null',
  'pts',
  'shm',
  'zero',
];

function checkCharacters(what: string, name: string): void {
  if (ALLOWED.test(name) && name !== '.' && name !== '..' && name.length <= MAX_NAME) return;
  throw new GuestfsError(
    'EINVAL',
    `${JSON.stringify(name)} is no name of a ${what}: expected 1 to ${MAX_NAME} of the characters a-z A-Z 0-9 + _ . - and no hyphen first`,
  );
}

/** Throws EINVAL for what cannot be the name of a volume group. */
export function checkGroupName(name: string): void {
  checkCharacters('volume group', name);
  if (DEV_NAMES.includes(name)) {
    throw new GuestfsError(
      'EINVAL',
      `a volume group cannot be called ${name}: /dev/${name} is something else`,
    );
  }
}

/** Throws EINVAL for what cannot be the name of a logical volume in the group of that name. */
export function checkVolumeName(group: string, name: string): void {
  checkCharacters('logical volume', name);
  const reserved =
    RESERVED_STARTS.find((start) => name.startsWith(start)) ??
    RESERVED_PARTS.find((part) => name.includes(part));
  if (reserved !== undefined) {
    throw new GuestfsError(
      'EINVAL',
      `a logical volume cannot be called ${name}: LVM keeps names with ${reserved} for itself`,
    );
  }
  const { length } = mapperName(group, name);
  if (length > MAX_NAME) {
    throw new GuestfsError(
      'EINVAL',
      `a logical volume cannot be called ${name} in group ${group}: its name in the mapper has ${length} characters, expected at most ${MAX_NAME}`,
    );
  }
}
