import type { Sample } from './sample.ts';

/** Source: System V gABI, chapters 4 and 5, and the processor supplements for machine numbers. */
const MACHINES: Record<number, string> = {
  0: 'no machine',
  2: 'SPARC',
  3: 'Intel 80386',
  4: 'Motorola m68k, 68020',
  8: 'MIPS',
  15: 'PA-RISC',
  18: 'SPARC32PLUS',
  20: 'PowerPC or cisco 4500',
  21: '64-bit PowerPC or cisco 7500',
  22: 'IBM S/390',
  40: 'ARM',
  42: 'Renesas SH',
  43: 'SPARC V9',
  50: 'IA-64',
  62: 'x86-64',
  83: 'Atmel AVR 8-bit',
  94: 'Tensilica Xtensa',
  183: 'ARM aarch64',
  189: 'Xilinx MicroBlaze 32-bit RISC',
  190: 'NVIDIA CUDA architecture',
  224: 'AMD GPU',
  243: 'UCB RISC-V',
  247: 'eBPF',
  258: 'LoongArch',
  0x9026: 'Alpha (unofficial)',
};

const SYSTEMS: Record<number, string> = {
  0: 'SYSV',
  1: 'HP-UX',
  2: 'NetBSD',
  3: 'GNU/Linux',
  6: 'Solaris',
  9: 'FreeBSD',
  12: 'OpenBSD',
  97: 'ARM',
  255: 'embedded',
};

const ET_REL = 1;
const ET_EXEC = 2;
const ET_DYN = 3;
const ET_CORE = 4;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_NOTE = 4;
const SHT_SYMTAB = 2;
const SHT_NOTE = 7;
const DT_NEEDED = 1;
const DT_FLAGS_1 = 0x6ffffffb;
const DF_1_PIE = 0x08000000;
const NT_GNU_ABI_TAG = 1;
const NT_GNU_BUILD_ID = 3;
const NOTE_SYSTEMS = ['Linux', 'Hurd', 'Solaris', 'kFreeBSD', 'kNetBSD'];

/** Headers beyond this many are not looked at. */
const MAX_HEADERS = 2048;
const MAX_NOTES = 65_536;

interface Segment {
  type: number;
  offset: number;
  size: number;
  name: number;
}

/** What file(1) says of an ELF file. */
export function describeElf(sample: Sample): string | undefined {
  if (!sample.startsWith('\x7fELF')) return undefined;
  return new ElfDescription(sample).text();
}

class ElfDescription {
  readonly #sample: Sample;
  readonly #wide: boolean;
  readonly #little: boolean;

  constructor(sample: Sample) {
    this.#sample = sample;
    this.#wide = sample.u8(4) === 2;
    this.#little = sample.u8(5) !== 2;
  }

  text(): string {
    const sample = this.#sample;
    const width = [' invalid class', ' 32-bit', ' 64-bit'][sample.u8(4)] ?? ' unknown class';
    const order = [' invalid byte order', ' LSB', ' MSB'][sample.u8(5)] ?? '';
    const type = this.#u16(sample, 16);
    const segments = this.#headers('program');
    const sections = this.#headers('section');
    const dynamic = this.#dynamic(segments);
    let text = `ELF${width}${order} ${this.#typeText(type, dynamic?.pie ?? false)}, ${this.#machine()}, version ${this.#u32(sample, 20)}`;
    const system = SYSTEMS[sample.u8(7)];
    if (system !== undefined) text += ` (${system})`;
    if (type === ET_CORE) return `${text}, SVR4-style`;
    for (const [kind, offset] of [
      ['program', this.#wide ? 56 : 44],
      ['section', this.#wide ? 60 : 48],
    ] as const) {
      const count = this.#u16(sample, offset);
      if (count > MAX_HEADERS) return `${text}, too many ${kind} (${count})`;
    }
    text += this.#linkage(type, segments, dynamic);
    text += this.#notes([
      ...segments.filter((s) => s.type === PT_NOTE),
      ...sections.filter((s) => s.type === SHT_NOTE),
    ]);
    if (sections.length > 0 || type === ET_REL) text += this.#symbols(sections);
    else text += ', no section header';
    return text;
  }

  #u16(sample: Sample, offset: number): number {
    return sample.u16(offset, this.#little);
  }

  #u32(sample: Sample, offset: number): number {
    return sample.u32(offset, this.#little);
  }

  #word(sample: Sample, offset: number): number {
    return this.#wide ? sample.u64(offset, this.#little) : sample.u32(offset, this.#little);
  }

  #typeText(type: number, pie: boolean): string {
    switch (type) {
      case 0:
        return 'no file type';
      case ET_REL:
        return 'relocatable';
      case ET_EXEC:
        return 'executable';
      case ET_DYN:
        return pie ? 'pie executable' : 'shared object';
      case ET_CORE:
        return 'core file';
      default:
        return `unknown type ${type}`;
    }
  }

  #machine(): string {
    const machine = this.#u16(this.#sample, 18);
    const flags = this.#u32(this.#sample, this.#wide ? 48 : 36);
    const name = MACHINES[machine] ?? `unknown arch 0x${machine.toString(16)}`;
    switch (machine) {
      case 8:
        return `${name}, ${mipsLevel(flags)}`;
      case 40: {
        const version = flags >>> 24;
        return version > 0 ? `${name}, EABI${version}` : name;
      }
      case 243:
        return name + riscvFlags(flags);
      case 21:
        return (
          name +
          (flags & 3 ? `, ${['', 'Unspecified or Power ELF V1 ABI', 'OpenPOWER ELF V2 ABI'][flags & 3]}` : '')
        );
      default:
        return name;
    }
  }

  #headers(kind: 'program' | 'section'): Segment[] {
    const sample = this.#sample;
    const program = kind === 'program';
    const wide = this.#wide;
    const offset = this.#word(sample, program ? (wide ? 32 : 28) : wide ? 40 : 32);
    const size = this.#u16(sample, program ? (wide ? 54 : 42) : wide ? 58 : 46);
    const count = this.#u16(sample, program ? (wide ? 56 : 44) : wide ? 60 : 48);
    const least = program ? (wide ? 56 : 32) : wide ? 64 : 40;
    if (offset <= 0 || size < least || count <= 0 || count > MAX_HEADERS) return [];
    const table = sample.part(offset, size * count);
    const found: Segment[] = [];
    for (let at = 0; at + least <= table.bytes.length; at += size) {
      if (program) {
        found.push({
          type: this.#u32(table, at),
          offset: this.#word(table, at + (wide ? 8 : 4)),
          size: this.#word(table, at + (wide ? 32 : 16)),
          name: 0,
        });
      } else {
        found.push({
          name: this.#u32(table, at),
          type: this.#u32(table, at + 4),
          offset: this.#word(table, at + (wide ? 24 : 16)),
          size: this.#word(table, at + (wide ? 32 : 20)),
        });
      }
    }
    return found;
  }

  /** What the dynamic section says: position-independent program, and whether it needs any library. */
  #dynamic(segments: readonly Segment[]): { pie: boolean; needs: boolean } | undefined {
    const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
    if (dynamic === undefined) return undefined;
    const table = this.#sample.part(dynamic.offset, Math.min(dynamic.size, 65_536));
    const step = this.#wide ? 16 : 8;
    let pie = false;
    let needs = false;
    for (let at = 0; at + step <= table.bytes.length; at += step) {
      const tag = this.#word(table, at);
      if (tag === DT_NEEDED) needs = true;
      if (tag === DT_FLAGS_1) pie = (this.#word(table, at + step / 2) & DF_1_PIE) !== 0;
    }
    return { pie, needs };
  }

  #linkage(type: number, segments: readonly Segment[], dynamic: { needs: boolean } | undefined): string {
    if (type !== ET_EXEC && type !== ET_DYN) return '';
    const interpreter = segments.find((segment) => segment.type === PT_INTERP);
    if (interpreter !== undefined) {
      const name = this.#sample.part(interpreter.offset, Math.min(interpreter.size, 4096)).cString(0, 4096);
      return `, dynamically linked, interpreter ${printable(name)}`;
    }
    if (dynamic === undefined) return ', statically linked';
    return dynamic.needs ? ', dynamically linked' : ', static-pie linked';
  }

  #notes(places: readonly Segment[]): string {
    const said = new Map<string, string>();
    for (const { offset, size } of places) {
      const notes = this.#sample.part(offset, Math.min(size, MAX_NOTES));
      for (let at = 0; at + 12 <= notes.bytes.length;) {
        const nameSize = this.#u32(notes, at);
        const valueSize = this.#u32(notes, at + 4);
        const type = this.#u32(notes, at + 8);
        const value = at + 12 + Math.ceil(nameSize / 4) * 4;
        if (nameSize > 64 || value + valueSize > notes.bytes.length) break;
        const name = notes.cString(at + 12, nameSize);
        this.#note(name, type, notes, value, valueSize, said);
        at = value + Math.ceil(valueSize / 4) * 4;
      }
    }
    return [...said.values()].map((one) => `, ${one}`).join('');
  }

  #note(
    name: string,
    type: number,
    notes: Sample,
    at: number,
    size: number,
    said: Map<string, string>,
  ): void {
    if (name === 'GNU' && type === NT_GNU_BUILD_ID && size >= 4 && size <= 20 && !said.has('id')) {
      const kind = size === 8 ? 'xxHash' : size === 16 ? 'md5/uuid' : size === 20 ? 'sha1' : 'unknown';
      said.set('id', `BuildID[${kind}]=${notes.hex(at, size)}`);
    }
    if (name === 'GNU' && type === NT_GNU_ABI_TAG && size === 16 && !said.has('abi')) {
      const system = NOTE_SYSTEMS[this.#u32(notes, at)] ?? '<unknown>';
      const version = [4, 8, 12].map((step) => this.#u32(notes, at + step)).join('.');
      said.set('abi', `for GNU/${system} ${version}`);
    }
    if (name === 'NetBSD' && type === 1 && size === 4) {
      const value = this.#u32(notes, at);
      said.set('abi', `for NetBSD ${Math.floor(value / 100_000_000)}.${Math.floor(value / 1_000_000) % 100}`);
    }
    if (name === 'FreeBSD' && type === 1 && size === 4) {
      const value = this.#u32(notes, at);
      said.set('abi', `for FreeBSD ${Math.floor(value / 100_000)}.${Math.floor(value / 1000) % 100}`);
    }
    if (name === 'OpenBSD' && type === 1) said.set('abi', 'for OpenBSD');
  }

  #symbols(sections: readonly Segment[]): string {
    const nameIndex = this.#u16(this.#sample, this.#wide ? 62 : 50);
    const table = sections[nameIndex];
    const names = table && this.#sample.part(table.offset, Math.min(table.size, 1 << 20));
    const debug = sections.some(({ name }) => names?.cString(name, 32) === '.debug_info');
    const symbols = sections.some(({ type }) => type === SHT_SYMTAB);
    return `${debug ? ', with debug_info' : ''}${symbols || debug ? ', not stripped' : ', stripped'}`;
  }
}

function mipsLevel(flags: number): string {
  const levels = [
    'MIPS-I',
    'MIPS-II',
    'MIPS-III',
    'MIPS-IV',
    'MIPS-V',
    'MIPS32',
    'MIPS64',
    'MIPS32 rel2',
    'MIPS64 rel2',
  ];
  const level = levels[flags >>> 28] ?? (flags >>> 28 === 9 ? 'MIPS32 rel6' : 'MIPS64 rel6');
  return level;
}

function riscvFlags(flags: number): string {
  const float = ['soft-float ABI', 'single-float ABI', 'double-float ABI', 'quad-float ABI'][
    (flags >> 1) & 3
  ];
  return `${flags & 1 ? ', RVC' : ''}${flags & 8 ? ', RVE' : ''}, ${float}`;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
