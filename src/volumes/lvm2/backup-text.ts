import { decodeText, encodeText } from '../../bytes/text.ts';
import type { FoundVolumeGroup } from './scan.ts';

/**
 * A volume group's metadata as vgcfgbackup(8) writes it and vgcfgrestore(8) reads it: the text on disk, indented,
 * with the sizes in words, where each PV is now, and the head that a backup has. `time` is seconds since 1970.
 */
export function backupText({ group, devices }: FoundVolumeGroup, time: number): Uint8Array {
  const date = new Date(time * 1000).toUTCString();
  const head = [
    `# Written by guestfs: ${date}`,
    '',
    'contents = "Text Format Volume Group"',
    'version = 1',
    '',
    `description = "metadata of volume group ${group.name}"`,
    '',
    'creation_host = "(none)"',
    `creation_time = ${time}\t# ${date}`,
    '',
  ];
  const lines = decodeText(group.text).replaceAll('\0', '').split('\n');
  const body: string[] = [];
  let depth = 0;
  let section = '';
  for (const stored of lines) {
    if (stored.endsWith(' {')) section = stored.slice(0, -2);
    const line = stored.startsWith('device = ')
      ? `device = ${JSON.stringify(devices.get(section)?.name ?? '[unknown]')}`
      : stored;
    // What follows the group is the head that this copy was written with.
    if (depth === 0 && body.length > 0 && line.trim() !== '') break;
    if (line.startsWith('}') || line.startsWith(']')) depth = Math.max(0, depth - 1);
    body.push(line === '' ? '' : '\t'.repeat(Math.min(depth, 16)) + line + comment(line, group.extentSize));
    if (line.endsWith('{') || line.endsWith('[')) depth++;
    if (depth === 0 && line.startsWith('}')) break;
  }
  while (body[0] === '') body.shift();
  return encodeText([...head, ...body, ''].join('\n'));
}

/** What LVM says behind some of the values. */
function comment(line: string, extentSize: number): string {
  const [, key = '', value = ''] = /^(\w+) = (.*)$/.exec(line) ?? [];
  switch (key) {
    case 'format':
      return '\t\t\t# informational';
    case 'device':
      return '\t# Hint only';
    case 'extent_size':
      return `\t\t# ${sizeInWords(Number(value) * 512)}`;
    case 'dev_size':
    case 'stripe_size':
      return `\t# ${sizeInWords(Number(value) * 512)}`;
    case 'extent_count':
    case 'pe_count':
      return `\t# ${sizeInWords(Number(value) * extentSize)}`;
    case 'stripe_count':
      return value === '1' ? '\t# linear' : '';
    case 'creation_time':
      return `\t# ${dateInWords(Number(value))}`;
    default:
      return '';
  }
}

const UNITS: readonly string[] = ['Bytes', 'Kilobytes', 'Megabytes', 'Gigabytes', 'Terabytes', 'Petabytes'];

function sizeInWords(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value > 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(4))} ${UNITS[unit]}`;
}

function dateInWords(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? '' : `${date.toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}
