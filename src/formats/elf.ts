/**
 * Which machine an ELF file is for. Source: System V gABI, chapter 4 (ELF header), and its list of e_machine
 * values; the names are those that `file_architecture` and `inspect_get_arch` return.
 */

const EI_CLASS = 4;
const EI_DATA = 5;
const E_MACHINE = 18;

const ELFCLASS32 = 1;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const ELFDATA2MSB = 2;

/** Bytes of a file that {@link elfArchitecture} needs. */
export const ELF_IDENT_BYTES = 20;

/** Machines whose name does not depend on class or byte order. */
const MACHINES = new Map<number, string>([
  [2, 'sparc'],
  [3, 'i386'],
  [4, 'm68k'],
  [6, 'i386'],
  [15, 'parisc'],
  [18, 'sparc'],
  [20, 'ppc'],
  [40, 'arm'],
  [42, 'sh4'],
  [43, 'sparc64'],
  [50, 'ia64'],
  [62, 'x86_64'],
  [183, 'aarch64'],
  [0x9026, 'alpha'],
]);

/**
 * Architecture of an ELF file in libguestfs's spelling (`x86_64`, `i386`, `ppc64le`, ...) from its first
 * {@link ELF_IDENT_BYTES} bytes; undefined where the bytes are no ELF header or the machine has no name here.
 * Machines that libguestfs does not name have the name that Debian gives them.
 */
export function elfArchitecture(bytes: Uint8Array): string | undefined {
  if (bytes.length < ELF_IDENT_BYTES) return undefined;
  if (bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) return undefined;
  const wide = bytes[EI_CLASS] === ELFCLASS64;
  if (!wide && bytes[EI_CLASS] !== ELFCLASS32) return undefined;
  const little = bytes[EI_DATA] === ELFDATA2LSB;
  if (!little && bytes[EI_DATA] !== ELFDATA2MSB) return undefined;
  const low = bytes[E_MACHINE] as number;
  const high = bytes[E_MACHINE + 1] as number;
  const machine = little ? low | (high << 8) : high | (low << 8);
  switch (machine) {
    case 8:
      return `mips${wide ? '64' : ''}${little ? 'el' : ''}`;
    case 21:
      return little ? 'ppc64le' : 'ppc64';
    case 22:
      return wide ? 's390x' : 's390';
    case 243:
      return wide ? 'riscv64' : 'riscv32';
    case 258:
      return wide ? 'loongarch64' : 'loongarch32';
    default:
      return MACHINES.get(machine);
  }
}
