/**
 * Which machine a Windows program, library or EFI application is for. Source: Microsoft, PE Format (COFF file
 * header, machine types).
 */

const E_LFANEW = 0x3c;
const PE_SIGNATURE = 0x00004550;

const MACHINES: Record<number, string> = {
  0x014c: 'i386',
  0x8664: 'x86_64',
  0x01c0: 'arm',
  0x01c2: 'arm',
  0x01c4: 'arm',
  0xaa64: 'aarch64',
  0x0200: 'ia64',
  0x5032: 'riscv32',
  0x5064: 'riscv64',
  0x6232: 'loongarch32',
  0x6264: 'loongarch64',
  0x01f0: 'ppc',
};

/**
 * Architecture in libguestfs's spelling from the beginning of a PE file; undefined where it is none, or the header
 * lies beyond the bytes given.
 */
export function peArchitecture(bytes: Uint8Array): string | undefined {
  if (bytes.length < 0x40 || bytes[0] !== 0x4d || bytes[1] !== 0x5a) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = view.getUint32(E_LFANEW, true);
  if (header + 6 > bytes.length || view.getUint32(header, true) !== PE_SIGNATURE) return undefined;
  return MACHINES[view.getUint16(header + 4, true)];
}
