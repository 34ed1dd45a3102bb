/** `/dev/sda` for 0, `/dev/sdz` for 25, `/dev/sdaa` for 26, as Linux names SCSI disks. */
export function driveDeviceName(index: number): string {
  let letters = '';
  for (let rest = index; rest >= 0; rest = Math.floor(rest / 26) - 1) {
    letters = String.fromCharCode(97 + (rest % 26)) + letters;
  }
  return `/dev/sd${letters}`;
}

/** Index of a drive's letters, `a` being 0; -1 where there are none. */
export function driveIndex(letters: string): number {
  if (!/^[a-z]{1,4}$/.test(letters)) return -1;
  let index = 0;
  for (const letter of letters) index = index * 26 + (letter.charCodeAt(0) - 96);
  return index - 1;
}

const DRIVE_NAME = /^\/dev\/(?:sd|hd|vd|xvd|ubd)([a-z]+)(\d*)$/;

/** Name of a disk or partition with the guest's prefix (`hd`, `vd`, ...) turned into `sd`; null where it is none. */
export function parseDriveName(name: string): { disk: string; index: number; partition: number } | null {
  const match = DRIVE_NAME.exec(name);
  if (match === null) return null;
  const [, letters = '', digits = ''] = match;
  return {
    disk: `/dev/sd${letters}`,
    index: driveIndex(letters),
    partition: digits === '' ? 0 : Number(digits),
  };
}

/** Name of a partition's device on a disk: a `p` goes between where the disk's name ends in a digit. */
export function partitionDeviceName(disk: string, number: number): string {
  return /\d$/.test(disk) ? `${disk}p${number}` : `${disk}${number}`;
}
