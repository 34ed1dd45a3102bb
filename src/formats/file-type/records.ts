import { timeText, type Recogniser, type Sample } from './sample.ts';

/** Time zones (RFC 8536). */
function timeZone(sample: Sample): string | undefined {
  if (!sample.startsWith('TZif')) return undefined;
  const version = sample.text(4, 1);
  const counts = [0, 1, 2, 3, 4, 5].map((i) => sample.u32(20 + i * 4, false));
  // What new compilers of zone data put before the data of version 2 is as small as can be.
  const fat = (counts[5] as number) > 1;
  const said = (i: number, one: string): string => {
    const count = counts[i] as number;
    return count === 0 ? `no ${one}s` : `${count} ${one}${count > 1 ? 's' : ''}`;
  };
  const parts = [
    `timezone data (${version === '\0' || fat ? 'fat' : 'slim'})`,
    `version ${version === '\0' ? '1' : version}`,
    said(0, 'gmt time flag'),
    said(1, 'std time flag'),
    said(2, 'leap second'),
    said(3, 'transition time'),
    said(4, 'local time type'),
    said(5, 'abbreviation char'),
  ];
  return version === '\0'
    ? parts.join(', ').replace(' (fat)', ' (old)').replace('version 1', 'no version')
    : parts.join(', ');
}

/** term(5): terminal descriptions; names follow the header. */
function terminfo(sample: Sample): string | undefined {
  const wide = sample.u16(0) === 0o1036;
  if (!wide && sample.u16(0) !== 0o432) return undefined;
  const names = sample.cString(12, Math.min(1024, Math.max(0, sample.u16(2)))).split('|')[0] ?? '';
  return `Compiled${wide ? ' 32-bit' : ''} terminfo entry "${names.replace(/[^\x20-\x7e]/g, '?')}"`;
}

/** GNU gettext catalogs (gettext manual, "The Format of GNU MO Files"). */
function gettext(sample: Sample): string | undefined {
  const little = sample.u32(0) === 0x950412de;
  if (!little && sample.u32(0, false) !== 0x950412de) return undefined;
  const u32 = (offset: number): number => sample.u32(offset, little);
  let text = `GNU message catalog (${little ? 'little' : 'big'} endian), revision ${u32(4) >>> 16}.${u32(4) & 0xffff}`;
  text += `, ${u32(8)} message${u32(8) === 1 ? '' : 's'}`;
  const originals = u32(12);
  const translations = u32(16);
  for (let i = 0; i < Math.min(2, u32(8)); i++) {
    const original = line(sample, u32(originals + i * 8 + 4));
    const translated = line(sample, u32(translations + i * 8 + 4));
    text += i === 0 && original === '' ? `, ${translated}` : ` '${translated}'`;
  }
  return text;
}

function line(sample: Sample, offset: number): string {
  if (offset <= 0) return '';
  const bytes = sample.part(offset, 256).text(0, 256).split('\0')[0] ?? '';
  const first = bytes.replace(/^\n+/, '').split('\n')[0] ?? '';
  return first.replace(/[^\x20-\x7e]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function databases(sample: Sample): string | undefined {
  if (sample.startsWith('SQLite format 3\0')) return sqlite(sample);
  if (sample.startsWith('LPKSHHRH')) return journal(sample);
  if (sample.startsWith('regf')) return `MS Windows registry file, NT/2000 or above`;
  if (sample.startsWith('ElfFile\0')) return 'MS Windows Vista Event Log';
  if (sample.startsWith('LfLe', 4)) return 'MS Windows Event Log';
  if (sample.u32(0) === 0x13579ace) return 'GNU dbm 1.x or ndbm database, little endian, old';
  if (sample.u32(0) === 0x13579acf) return 'GNU dbm 2.x database, little endian';
  const berkeley: Record<number, string> = {
    0x00053162: 'Btree',
    0x00061561: 'Hash',
    0x00042253: 'Queue',
    0x00040988: 'Log',
  };
  const kind = berkeley[sample.u32(12)];
  if (kind !== undefined) return `Berkeley DB (${kind}, version ${sample.u32(16)}, native byte-order)`;
  return undefined;
}

/** SQLite (sqlite.org/fileformat). */
function sqlite(sample: Sample): string {
  const at = (offset: number): number => sample.u32(offset, false);
  const encoding = ['', 'UTF-8', 'UTF-16 little endian', 'UTF-16 big endian'][at(56)];
  const parts = ['SQLite 3.x database'];
  if (at(68) > 0) parts.push(`application id ${at(68)}`);
  if (at(60) > 0) parts.push(`user version ${at(60)}`);
  parts.push(`last written using SQLite version ${at(96)}`);
  const page = sample.u16(16, false) === 1 ? 65_536 : sample.u16(16, false);
  if (page !== 4096) parts.push(`page size ${page}`);
  if (sample.u8(18) === 2) parts.push('writer version 2');
  if (sample.u8(19) === 2) parts.push('read version 2');
  parts.push(`file counter ${at(24)}`, `database pages ${at(28)}`);
  if (at(36) > 0) parts.push(`1st free page ${at(32)}`, `free pages ${at(36)}`);
  parts.push(`cookie 0x${at(40).toString(16)}`, `schema ${at(44)}`);
  if (at(48) > 0) parts.push(`cache page size ${at(48)}`);
  if (at(52) > 0) parts.push(`largest root page ${at(52)}`);
  if (encoding) parts.push(encoding);
  parts.push(`version-valid-for ${at(92)}`);
  return parts.join(', ');
}

/** systemd's journal (systemd.io/JOURNAL_FILE_FORMAT). */
function journal(sample: Sample): string {
  const state = ['offline', 'online', 'archived'][sample.u8(16)];
  const incompatible = sample.u32(12);
  const flags = [
    'compressed xz',
    'compressed lz4',
    'keyed hash siphash24',
    'compressed zstd',
    'compact',
  ].filter((_, bit) => incompatible & (1 << bit));
  return [
    'Journal file',
    ...(sample.u64(152) === 0 ? ['empty'] : []),
    ...(state ? [state] : []),
    ...flags,
  ].join(', ');
}

/** OpenPGP packets (RFC 4880): the first one of a keyring. */
function openPgp(sample: Sample): string | undefined {
  const tag = sample.u8(0);
  if (tag !== 0x98 && tag !== 0x99 && tag !== 0xc6) return undefined;
  const at = tag === 0x99 ? 3 : 2;
  if (sample.u8(at) !== 4 && sample.u8(at) !== 6) return undefined;
  const algorithm = sample.u8(at + 5);
  const names: Record<number, string> = { 1: 'RSA (Encrypt or Sign', 17: 'DSA', 19: 'ECDSA', 22: 'EdDSA' };
  const name = names[algorithm];
  if (name === undefined) return undefined;
  const bits = algorithm === 1 ? `, ${sample.u16(at + 6, false)} bits)` : '';
  return `OpenPGP Public Key Version ${sample.u8(at)}, Created ${timeText(sample.u32(at + 1, false))}, ${name}${bits}`;
}

function others(sample: Sample): string | undefined {
  if (sample.u32(0) === 0xa1b2c3d4 || sample.u32(0) === 0xd4c3b2a1) return 'pcap capture file';
  if (sample.startsWith('\x00\x01\x00\x00Standard Jet DB')) return 'Microsoft Access Database';
  if (sample.startsWith('DIRC'))
    return `Git index, version ${sample.u32(4, false)}, ${sample.u32(8, false)} entries`;
  if (sample.startsWith('PACK'))
    return `Git pack, version ${sample.u32(4, false)}, ${sample.u32(8, false)} objects`;
  if (sample.startsWith('\xfftOc')) return 'Git pack index, version 2';
  if (sample.startsWith('OpenVPN')) return undefined;
  if (sample.u16(0) === 0o10735) return undefined;
  return undefined;
}

/** Files that programs keep data in. */
export const records: readonly Recogniser[] = [timeZone, terminfo, gettext, databases, openPgp, others];
