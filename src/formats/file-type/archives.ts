import { timeText, type Recogniser, type Sample } from './sample.ts';

/** gzip (RFC 1952): operating systems by number. */
const GZIP_SYSTEMS = [
  'FAT filesystem (MS-DOS, OS/2, NT)',
  'Amiga',
  'VMS',
  'Unix',
  'VM/CMS',
  'Atari',
  'HPFS filesystem (OS/2, NT)',
  'MacOS',
  'Z-System',
  'CP/M',
  'TOPS/20',
  'NTFS filesystem (NT)',
  'QDOS',
  'Acorn RISCOS',
];

function gzip(sample: Sample): string | undefined {
  if (!sample.startsWith('\x1f\x8b')) return undefined;
  const flags = sample.u8(3);
  let text = 'gzip compressed data';
  if (sample.u8(2) !== 8) text += ', reserved method';
  let at = 10;
  if (flags & 4) at += 2 + Math.max(0, sample.u16(10));
  if (flags & 1) text += ', ASCII';
  if (flags & 2) text += ', has CRC';
  if (flags & 4) text += ', extra field';
  if (flags & 8) text += `, was "${sample.cString(at, 256)}"`;
  if (flags & 16) text += ', has comment';
  const mtime = sample.u32(4);
  if (mtime > 0) text += `, last modified: ${timeText(mtime)}`;
  if (sample.u8(8) === 2) text += ', max compression';
  if (sample.u8(8) === 4) text += ', max speed';
  const system = GZIP_SYSTEMS[sample.u8(9)];
  if (system !== undefined) text += `, from ${system}`;
  return text;
}

const XZ_CHECKS: Record<number, string> = { 0: 'NONE', 1: 'CRC32', 4: 'CRC64', 10: 'SHA-256' };

function compressed(sample: Sample): string | undefined {
  if (sample.startsWith('BZh')) return `bzip2 compressed data, block size = ${sample.text(3, 1)}00k`;
  if (sample.startsWith('\xfd7zXZ\0')) {
    const check = XZ_CHECKS[sample.u8(7) & 15];
    return `XZ compressed data${check === undefined ? '' : `, checksum ${check}`}`;
  }
  if (sample.startsWith('\x28\xb5\x2f\xfd'))
    return `Zstandard compressed data (v0.8+), Dictionary ID: ${zstdDictionary(sample)}`;
  if (sample.startsWith('\x04\x22\x4d\x18')) return 'LZ4 compressed data (v1.4+)';
  if (sample.startsWith('\x02\x21\x4c\x18')) return 'LZ4 compressed data (v0.1-v0.9)';
  if (sample.startsWith('\x89LZO\0\x0d\x0a\x1a\x0a')) return lzop(sample);
  if (sample.startsWith('\x1f\x9d')) return `compress'd data ${sample.u8(2) & 31} bits`;
  if (sample.startsWith('LZIP')) return `lzip compressed data, version: ${sample.u8(4)}`;
  if (sample.startsWith('7z\xbc\xaf\x27\x1c'))
    return `7-zip archive data, version ${sample.u8(6)}.${sample.u8(7)}`;
  if (sample.startsWith('\x5d\0\0') && sample.size > 13 && lzmaSize(sample)) {
    const size = sample.u64(5);
    return `LZMA compressed data, ${sample.u32(5) === 0xffffffff && sample.u32(9) === 0xffffffff ? 'streamed' : `non-streamed, size ${size}`}`;
  }
  return undefined;
}

function lzmaSize(sample: Sample): boolean {
  return sample.u32(9) === 0xffffffff ? sample.u32(5) === 0xffffffff : sample.u32(9) < 0x100;
}

function lzop(sample: Sample): string {
  const version = sample.hex(9, 2);
  const method = ['', ', LZO1X-1', ', LZO1X-1(15)', ', LZO1X-999'][sample.u8(15)] ?? '';
  const system = ['MS-DOS', 'Amiga', 'VMS', 'Unix', '', 'Atari', 'OS/2', 'MAC OS'][sample.u8(17)];
  return `lzop compressed data - version ${version.slice(0, 1)}.${version.slice(1)}${method}${system ? `, os: ${system}` : ''}`;
}

function zstdDictionary(sample: Sample): string {
  const descriptor = sample.u8(4);
  const at = descriptor & 0x20 ? 5 : 6;
  switch (descriptor & 3) {
    case 1:
      return String(sample.u8(at));
    case 2:
      return String(sample.u16(at));
    case 3:
      return String(sample.u32(at));
    default:
      return 'None';
  }
}

function cpio(sample: Sample): string | undefined {
  const magic = sample.text(0, 6);
  if (magic === '070701') return 'ASCII cpio archive (SVR4 with no CRC)';
  if (magic === '070702') return 'ASCII cpio archive (SVR4 with CRC)';
  if (magic === '070707') return 'ASCII cpio archive (pre-SVR4 or odc)';
  if (sample.u16(0) === 0o070707) return 'cpio archive';
  return undefined;
}

/** tar (POSIX.1-2017, pax(1)): the checksum tells the old form, which has no magic. */
function tar(sample: Sample): string | undefined {
  if (sample.bytes.length < 512) return undefined;
  const stored = /^[ \0]*([0-7]+)[ \0]/.exec(sample.text(148, 8))?.[1];
  if (stored === undefined) return undefined;
  let sum = 8 * 0x20;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += sample.u8(i);
  if (parseInt(stored, 8) !== sum) return undefined;
  if (sample.startsWith('ustar  \0', 257)) return 'POSIX tar archive (GNU)';
  if (sample.startsWith('ustar', 257)) return 'POSIX tar archive';
  return 'tar archive';
}

function ar(sample: Sample): string | undefined {
  if (!sample.startsWith('!<arch>\n')) {
    return sample.startsWith('!<thin>\n')
      ? `thin archive with ${sample.size < 70 ? 0 : 1} symbol entries`
      : undefined;
  }
  if (sample.startsWith('debian-binary', 8)) return debian(sample);
  return 'current ar archive';
}

function debian(sample: Sample): string {
  const version = sample.cString(68, 8).split('\n')[0] ?? '';
  const control = /control\.tar(?:\.(\w+))?/.exec(sample.text(72, 16));
  const size = Number(sample.text(72 + 48, 10).trim());
  const data = Number.isSafeInteger(size) ? sample.part(132 + size + (size % 2), 16).text(0, 16) : '';
  const compression = (name: string | undefined): string => (name === undefined ? 'no' : name);
  const dataName = /data\.tar(?:\.(\w+))?/.exec(data);
  let text = `Debian binary package (format ${version})`;
  if (control !== null) text += `, with control.tar.${compression(control[1])}`;
  if (dataName !== null) text += `, data compression ${compression(dataName[1])}`;
  return text;
}

const ZIP_METHODS: Record<number, string> = {
  0: 'store',
  8: 'deflate',
  9: 'deflate64',
  12: 'bzip2',
  14: 'lzma',
  93: 'zstd',
  95: 'xz',
  99: 'AES Encrypted',
};

/** ZIP (APPNOTE), and what is packed in it. */
function zip(sample: Sample): string | undefined {
  if (sample.startsWith('PK\x05\x06')) return 'Zip archive data (empty)';
  if (!sample.startsWith('PK\x03\x04')) return undefined;
  const nameLength = sample.u16(26);
  const name = sample.text(30, nameLength);
  const after = 30 + nameLength + sample.u16(28);
  if (name === 'mimetype') {
    const type = /^[\w.+/-]*/.exec(sample.text(after, 80))?.[0] ?? '';
    const kind = OPEN_DOCUMENTS[type.replace('application/vnd.oasis.opendocument.', '')];
    if (kind !== undefined) return `OpenDocument ${kind}`;
    if (type.startsWith('application/epub+zip')) return 'EPUB document';
  }
  if (name === '[Content_Types].xml' || name === '_rels/.rels' || name === 'docProps/app.xml') {
    const rest = sample.text(0, sample.bytes.length);
    if (rest.includes('word/')) return 'Microsoft Word 2007+';
    if (rest.includes('xl/')) return 'Microsoft Excel 2007+';
    if (rest.includes('ppt/')) return 'Microsoft PowerPoint 2007+';
    return 'Microsoft OOXML';
  }
  if (name === 'META-INF/' || name === 'META-INF/MANIFEST.MF') return 'Java archive data (JAR)';
  const version = sample.u16(4) & 0xff;
  const method = ZIP_METHODS[sample.u16(8)] ?? `[0x${sample.u16(8).toString(16)}]`;
  return `Zip archive data, at least v${Math.floor(version / 10)}.${version % 10} to extract, compression method=${method}`;
}

const OPEN_DOCUMENTS: Record<string, string> = {
  text: 'Text',
  'text-template': 'Text Template',
  spreadsheet: 'Spreadsheet',
  'spreadsheet-template': 'Spreadsheet Template',
  presentation: 'Presentation',
  graphics: 'Drawing',
};

const RPM_MACHINES: Record<number, string> = {
  1: 'i386/x86_64',
  2: 'Alpha',
  3: 'Sparc',
  4: 'MIPS',
  5: 'PowerPC',
  8: 'MIPSel',
  9: 'IA64',
  12: 'ARM',
  14: 'S/390',
  15: 'S/390x',
  16: 'PowerPC64',
  19: 'AArch64',
  22: 'RISC-V',
};

function rpm(sample: Sample): string | undefined {
  if (!sample.startsWith('\xed\xab\xee\xdb')) return undefined;
  const source = sample.u16(6, false) === 1;
  const machine = RPM_MACHINES[sample.u16(8, false)];
  const name = sample.cString(10, 66);
  return `RPM v${sample.u8(4)}.${sample.u8(5)} ${source ? 'src' : 'bin'}${machine ? ` ${machine}` : ''} ${name}`.trimEnd();
}

function others(sample: Sample): string | undefined {
  if (sample.startsWith('Rar!\x1a\x07\x01\0')) return 'RAR archive data, v5';
  if (sample.startsWith('Rar!\x1a\x07\0')) return 'RAR archive data';
  if (sample.startsWith('MSCF\0\0\0\0')) {
    return `Microsoft Cabinet archive data, ${sample.u32(8)} bytes, ${sample.u16(28)} file${sample.u16(28) === 1 ? '' : 's'}`;
  }
  if (sample.startsWith('MSWIM\0\0\0'))
    return `Windows imaging (WIM) image v${sample.u16(14)}.${sample.u8(13)}`;
  if (sample.startsWith('xar!')) return `xar archive compressed TOC: ${sample.u64(8, false)}`;
  return undefined;
}

/** Archives, packages and compressed files. */
export const archives: readonly Recogniser[] = [tar, gzip, compressed, cpio, ar, zip, rpm, others];
