import { parseIsoInfo, PRIMARY_DESCRIPTOR, readIsoInfo } from '../../filesystems/iso9660/index.ts';
import type { DaemonActions } from '../generated/contract.ts';

/** Volume descriptors of ISO 9660 discs. */
export const isoActions = {
  isoinfo_device: ({ platform }, device) => readIsoInfo(platform.devices.open(device)),

  isoinfo({ platform }, isofile) {
    const file = platform.files.resolve(isofile);
    const bytes = new Uint8Array(PRIMARY_DESCRIPTOR.length);
    let length = 0;
    while (length < bytes.length) {
      const count = platform.files.read(file, PRIMARY_DESCRIPTOR.offset + length, bytes.subarray(length));
      if (count === 0) break;
      length += count;
    }
    return parseIsoInfo(bytes.subarray(0, length));
  },
} satisfies Partial<DaemonActions>;
