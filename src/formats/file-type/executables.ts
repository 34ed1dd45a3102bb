import { timeText, type Recogniser, type Sample } from './sample.ts';
import { describeElf } from './elf.ts';

/** Machines of PE files as file(1) names them (Microsoft, PE Format). */
const PE_MACHINES: Record<number, string> = {
  0x014c: 'Intel 80386',
  0x0162: 'MIPS R3000',
  0x01c0: 'ARM',
  0x01c2: 'ARM Thumb',
  0x01c4: 'ARMv7 Thumb',
  0x0200: 'Intel Itanium',
  0x0ebc: 'EFI byte code',
  0x5032: 'RISC-V 32-bit',
  0x5064: 'RISC-V 64-bit',
  0x6232: 'LoongArch 32-bit',
  0x6264: 'LoongArch 64-bit',
  0x8664: 'x86-64',
  0xaa64: 'Aarch64',
};

const PE_SUBSYSTEMS: Record<number, string> = {
  1: '(native)',
  2: '(GUI)',
  3: '(console)',
  7: '(POSIX)',
  9: '(Windows CE)',
  10: '(EFI application)',
  11: '(EFI boot service driver)',
  12: '(EFI runtime driver)',
  13: '(EFI ROM)',
  14: '(XBOX)',
};

const IMAGE_FILE_DLL = 0x2000;

function windows(sample: Sample): string | undefined {
  if (!sample.startsWith('MZ') || sample.size < 64) return undefined;
  const header = sample.u32(0x3c);
  const pe = header > 0 ? sample.part(header, 256) : undefined;
  if (pe === undefined || !pe.startsWith('PE\0\0')) return 'MS-DOS executable';
  const optional = pe.u16(24);
  const format = optional === 0x20b ? 'PE32+' : optional === 0x10b ? 'PE32' : 'PE';
  const machine = PE_MACHINES[pe.u16(4)] ?? `unknown processor (0x${pe.u16(4).toString(16)})`;
  const kind = pe.u16(22) & IMAGE_FILE_DLL ? 'executable (DLL)' : 'executable';
  const subsystem = PE_SUBSYSTEMS[pe.u16(24 + 68)];
  const net = pe.u32(24 + (optional === 0x20b ? 112 : 96) + 14 * 8) > 0 ? ' Mono/.Net assembly' : '';
  return `${format} ${kind}${subsystem ? ` ${subsystem}` : ''} ${machine}${net}, for MS Windows, ${pe.u16(6)} sections`;
}

const MACH_CPUS: Record<number, string> = {
  7: 'i386',
  0x01000007: 'x86_64',
  12: 'arm',
  0x0100000c: 'arm64',
  18: 'ppc',
  0x01000012: 'ppc64',
};

const MACH_TYPES = [
  '',
  'object',
  'executable',
  'fixed virtual memory shared library',
  'core',
  'preload executable',
];
const MACH_MORE: Record<number, string> = {
  6: 'dynamically linked shared library',
  8: 'bundle',
  10: 'dSYM companion file',
};

/** Mach-O (Apple, mach-o/loader.h) and universal binaries, which share their magic with Java classes. */
function apple(sample: Sample): string | undefined {
  const magic = sample.u32(0, false);
  if (magic === 0xcafebabe) {
    const count = sample.u32(4, false);
    if (count > 0 && count < 20)
      return `Mach-O universal binary with ${count} architecture${count > 1 ? 's' : ''}`;
    return `compiled Java class data, version ${sample.u16(6, false)}.${sample.u16(4, false)}${javaRelease(sample)}`;
  }
  const little = magic === 0xcefaedfe || magic === 0xcffaedfe;
  if (!little && magic !== 0xfeedface && magic !== 0xfeedfacf) return undefined;
  const wide = magic === 0xcffaedfe || magic === 0xfeedfacf;
  const type = sample.u32(12, little);
  const cpu = MACH_CPUS[sample.u32(4, little)] ?? `cpu ${sample.u32(4, little)}`;
  return `Mach-O${wide ? ' 64-bit' : ''} ${cpu} ${MACH_TYPES[type] ?? MACH_MORE[type] ?? `filetype=${type}`}`;
}

function javaRelease(sample: Sample): string {
  const major = sample.u16(6, false);
  if (major < 45 || major > 90) return '';
  return major < 49
    ? ` (Java 1.${major - 44})`
    : major === 49
      ? ' (Java 1.5)'
      : ` (Java ${major <= 52 ? '1.' : ''}${major - 44})`.replace('1.9', '9');
}

/** Linux/x86 boot protocol (Documentation/arch/x86/boot). */
function kernel(sample: Sample): string | undefined {
  if (!sample.startsWith('HdrS', 0x202)) {
    if (sample.startsWith('ARM\x64', 56))
      return 'Linux kernel ARM64 boot executable Image, little-endian, 4K pages';
    if (sample.u32(36) === 0x016f2818) return 'Linux kernel ARM boot executable zImage (little-endian)';
    return undefined;
  }
  const loaded = sample.u8(0x211) & 1;
  let text = `Linux kernel x86 boot executable ${loaded ? 'bzImage' : 'zImage'}`;
  const version = sample.u16(0x20e);
  if (version > 0) text += `, version ${printable(sample.part(version + 0x200, 256).cString(0, 256))}`;
  text += `, ${sample.u16(0x1f2) & 1 ? 'RO' : 'RW'}-rootFS`;
  const device = sample.u16(0x1fc);
  if (device > 0) text += `, root_dev 0X${device.toString(16).toUpperCase()}`;
  const swap = sample.u16(0x1f6);
  if (swap > 0) text += `, swap_dev 0X${swap.toString(16).toUpperCase()}`;
  const mode = sample.u16(0x1fa);
  if (mode === 0xffff) text += ', Normal VGA';
  else if (mode === 0xfffe) text += ', Extended VGA';
  else if (mode === 0xfffd) text += ', Prompt for Videomode';
  return text;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

/** Magics of CPython's compiled files: low halves of the first word (Lib/importlib/_bootstrap_external.py). */
const PYTHON_MAGICS: readonly (readonly [number, number, string])[] = [
  [3390, 3394, '3.7'],
  [3400, 3413, '3.8'],
  [3420, 3425, '3.9'],
  [3430, 3439, '3.10'],
  [3450, 3495, '3.11'],
  [3500, 3699, '3.12 or newer'],
];

function python(sample: Sample): string | undefined {
  const word = sample.u32(0, false);
  if (word < 0 || (word & 0xffff) !== 0x0d0a) return undefined;
  const magic = sample.u16(0);
  if (magic === 62211) return `python 2.7 byte-compiled`;
  const known = PYTHON_MAGICS.find(([low, high]) => magic >= low && magic <= high);
  if (known === undefined) return undefined;
  const flags = sample.u32(4);
  if (flags === 0) {
    const stamp = timeText(sample.u32(8)).replace(/ (\d+)$/, ' $1 UTC');
    return `Byte-compiled Python module for CPython ${known[2]}, timestamp-based, .py timestamp: ${stamp}, .py size: ${sample.u32(12)} bytes`;
  }
  return `Byte-compiled Python module for CPython ${known[2]}, hash-based, check-source flag ${flags & 2 ? '' : 'un'}set, hash: 0x${sample.hex(8, 8).replace(/../g, (pair) => pair)}`;
}

function others(sample: Sample): string | undefined {
  if (sample.startsWith('BC\xc0\xde')) return 'LLVM IR bitcode';
  if (sample.startsWith('\0asm'))
    return `WebAssembly (wasm) binary module version 0x${sample.u32(4).toString(16)} (MVP)`;
  if (sample.startsWith('\x1bLua')) return `Lua bytecode, version ${sample.u8(4) >> 4}.${sample.u8(4) & 15}`;
  if (sample.startsWith('dex\n')) return `Dalvik dex file version ${sample.text(4, 3)}`;
  return undefined;
}

/** Programs and what compilers make. */
export const executables: readonly Recogniser[] = [describeElf, kernel, windows, apple, python, others];
