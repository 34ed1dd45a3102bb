/**
 * Taking a kernel out of its self-extracting form. A machine that has to unpack its kernel before it boots loses
 * seconds where there is no KVM; qemu boots the plain ELF file through its PVH note.
 */
import { decompressAll, detectCompression } from '../../../compression/index.ts';
import { layout, raw, u16, u32, u8 } from '../../../bytes/layout.ts';
import { latin1 } from '../../../bytes/text.ts';
import { CorruptError } from '../../../errors/index.ts';

/** Source: "The Linux/x86 Boot Protocol", in the documentation of Linux. */
const SetupHeader = layout('setup_header', 0x250, 'le', {
  setup_sects: u8(0x1f1),
  header: raw(0x202, 4),
  version: u16(0x206),
  payload_offset: u32(0x248),
  payload_length: u32(0x24c),
});

const SECTOR = 512;
/** Setup code of kernels that do not say how long it is. */
const DEFAULT_SETUP_SECTORS = 4;
/** First version of the protocol that tells where the payload is. */
const WITH_PAYLOAD = 0x0208;
/** No kernel for a machine is larger. */
const MAX_KERNEL = 512 * 1024 * 1024;

/** A note by Xen with the type of the 32-bit entry for PVH. Source: Xen's public/elfnote.h, the PVH boot ABI. */
const PVH_NOTE = [4, 0, 0, 0, -1, -1, 0, 0, 18, 0, 0, 0, 0x58, 0x65, 0x6e, 0];

/** What a kernel file turned out to be. */
export interface KernelImage {
  bytes: Uint8Array;
  /** True for a plain ELF file that qemu boots directly. */
  direct: boolean;
}

/**
 * The kernel in the form that boots soonest: the ELF file in a bzImage (xz, gzip, zstd, lz4, lzma, bzip2, lzop) if qemu can boot it,
 * else the file as it is. Throws EUCLEAN for a bzImage whose payload is damaged.
 */
export function unpackKernel(file: Uint8Array): KernelImage {
  if (isElf(file)) return { bytes: file, direct: hasPvhEntry(file) };
  const payload = payloadOf(file);
  const type = payload === undefined ? undefined : detectCompression(payload);
  if (payload === undefined || type === undefined) return { bytes: file, direct: false };
  // The size of what comes out is appended, save to gzip, which has it itself.
  const packed = type === 'gzip' ? payload : payload.subarray(0, payload.length - 4);
  const bytes = decompressAll(type, packed, MAX_KERNEL);
  return isElf(bytes) && hasPvhEntry(bytes) ? { bytes, direct: true } : { bytes: file, direct: false };
}

function payloadOf(file: Uint8Array): Uint8Array | undefined {
  if (file.length < SetupHeader.size) return undefined;
  const setup = SetupHeader.view(file);
  if (latin1(setup.header) !== 'HdrS' || setup.version < WITH_PAYLOAD) return undefined;
  const start = ((setup.setup_sects || DEFAULT_SETUP_SECTORS) + 1) * SECTOR + setup.payload_offset;
  const end = start + setup.payload_length;
  if (end > file.length) {
    throw new CorruptError('setup_header', `the payload ends at ${end}, the kernel has ${file.length} bytes`);
  }
  return setup.payload_length === 0 ? undefined : file.subarray(start, end);
}

const isElf = (bytes: Uint8Array): boolean => latin1(bytes, 0, Math.min(4, bytes.length)) === '\x7fELF';

function hasPvhEntry(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0x58); at >= 0; at = bytes.indexOf(0x58, at + 1)) {
    const start = at - PVH_NOTE.indexOf(0x58);
    if (start >= 0 && start % 4 === 0 && PVH_NOTE.every((byte, i) => byte < 0 || bytes[start + i] === byte))
      return true;
  }
  return false;
}
