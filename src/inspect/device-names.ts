/** A disk or partition as a guest's kernel names it. */
export interface GuestDiskName {
  /** Which disk, from 0; undefined where the name says so only by an identity that is not known here. */
  disk: number | undefined;
  /** 0 for the whole disk. */
  partition: number;
}

/** a, b, ..., z, aa, ...: which disk it is, from 0. */
function letterIndex(letters: string): number {
  let index = 0;
  for (const letter of letters) index = index * 26 + letter.charCodeAt(0) - 96;
  return index - 1;
}

const LETTERED = /^\/dev\/(?:sd|hd|vd|xvd|ubd)([a-z]{1,3})([0-9]{0,3})$/;
const NUMBERED: readonly RegExp[] = [
  /^\/dev\/nvme([0-9]{1,3})n[0-9]{1,3}(?:p([0-9]{1,3}))?$/,
  /^\/dev\/mmcblk([0-9]{1,3})(?:p([0-9]{1,3}))?$/,
  /^\/dev\/(?:cciss|ida|rd)\/c[0-9]{1,2}d([0-9]{1,3})(?:p([0-9]{1,3}))?$/,
  /^\/dev\/pmem([0-9]{1,3})(?:p([0-9]{1,3}))?$/,
  // FreeBSD: a GPT partition, or an MBR slice without a BSD label in it.
  /^\/dev\/(?:ada|ad|da|vtbd|nvd|nda|aacd|mfid|mfisyspd|mmcsd)([0-9]{1,3})(?:[ps]([0-9]{1,3}))?$/,
];
const BY_IDENTITY = /^\/dev\/disk\/by-(?:id|path)\/.*?(?:-part([0-9]{1,3}))?$/;

/** Take a disk's or partition's name apart; undefined where it is none that names a disk by its place. */
export function parseGuestDisk(name: string): GuestDiskName | undefined {
  const lettered = LETTERED.exec(name);
  if (lettered) return { disk: letterIndex(lettered[1] as string), partition: Number(lettered[2] ?? 0) };
  for (const pattern of NUMBERED) {
    const match = pattern.exec(name);
    if (match) return { disk: Number(match[1]), partition: Number(match[2] ?? 0) };
  }
  const identity = BY_IDENTITY.exec(name);
  return identity ? { disk: undefined, partition: Number(identity[1] ?? 0) } : undefined;
}
