import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BlockDevice } from '../../src/block/device.ts';
import { GuestfsError, type ErrorCode } from '../../src/errors/index.ts';
import { random } from './fuzz.ts';

/** A device to check, and the bytes it must show. */
export interface ContractSubject {
  device: BlockDevice;
  /** All bytes of the device. */
  content: Uint8Array;
}

const refuses = (code: ErrorCode, act: () => unknown): void => {
  assert.throws(act, (error) => error instanceof GuestfsError && error.code === code);
};

/**
 * The contract of BlockDevice, for any implementation: `make` gives a fresh device with its content, which is at
 * least 64 KiB. What is written is read back; a read-only device refuses.
 */
export function blockContract(
  name: string,
  make: () => ContractSubject,
  options: { skip?: string | false } = {},
): void {
  describe(`block device contract: ${name}`, { skip: options.skip ?? false }, () => {
    const withDevice = (use: (subject: ContractSubject) => void): void => {
      const subject = make();
      try {
        use(subject);
      } finally {
        subject.device.close();
      }
    };

    test('states its size and sectors', () => {
      withDevice(({ device, content }) => {
        assert.equal(device.size, content.length);
        assert.ok(device.sectorSize === 512 || device.sectorSize === 4096);
        assert.equal(typeof device.writable, 'boolean');
      });
    });

    test('reads all bytes, and any part of them', () => {
      withDevice(({ device, content }) => {
        const all = new Uint8Array(device.size);
        device.readAt(0, all);
        assert.ok(equal(all, content), 'whole content');
        const next = random(7);
        for (let i = 0; i < 300; i++) {
          const offset = Math.floor(next() * device.size);
          const length = Math.floor(next() * Math.min(i % 3 === 0 ? 200_000 : 700, device.size - offset));
          const part = new Uint8Array(length + 2).fill(0xa5);
          device.readAt(offset, part.subarray(1, length + 1));
          assert.ok(
            equal(part.subarray(1, length + 1), content.subarray(offset, offset + length)),
            `${length} at ${offset}`,
          );
          assert.equal(part[0], 0xa5);
          assert.equal(part[length + 1], 0xa5);
        }
      });
    });

    test('reads nothing at the end, and refuses what is outside', () => {
      withDevice(({ device }) => {
        device.readAt(device.size, new Uint8Array(0));
        refuses('EINVAL', () => device.readAt(device.size, new Uint8Array(1)));
        refuses('EINVAL', () => device.readAt(device.size - 1, new Uint8Array(2)));
        for (const offset of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
          refuses('EINVAL', () => device.readAt(offset, new Uint8Array(1)));
          refuses('EINVAL', () => device.extents(offset, 1));
        }
        refuses('EINVAL', () => device.extents(0, device.size + 1));
        refuses('EINVAL', () => device.extents(0, -1));
      });
    });

    test('extents cover a range in order, and tell the truth', () => {
      withDevice(({ device, content }) => {
        const next = random(11);
        const ranges: [number, number][] = [
          [0, device.size],
          [0, 0],
          [device.size, 0],
        ];
        for (let i = 0; i < 50; i++) {
          const offset = Math.floor(next() * device.size);
          ranges.push([offset, Math.floor(next() * (device.size - offset))]);
        }
        for (const [offset, length] of ranges) {
          let at = offset;
          for (const extent of device.extents(offset, length)) {
            assert.equal(extent.offset, at, 'no gap, no overlap');
            assert.ok(extent.length > 0);
            at += extent.length;
            if (extent.kind === 'data') continue;
            assert.ok(['zero', 'hole'].includes(extent.kind));
            assert.ok(
              equal(content.subarray(extent.offset, at), new Uint8Array(extent.length)),
              `${extent.kind} at ${extent.offset} holds zeroes`,
            );
          }
          assert.equal(at, offset + length);
        }
      });
    });

    test('writes, zeroes and discards, or refuses to', () => {
      withDevice(({ device, content }) => {
        if (!device.writable) {
          refuses('EROFS', () => device.writeAt(0, new Uint8Array(1)));
          refuses('EROFS', () => device.zero(0, 1));
          refuses('EROFS', () => device.discard(0, 1));
          device.flush();
          return;
        }
        const model = content.slice();
        const next = random(13);
        for (let i = 0; i < 120; i++) {
          const offset = Math.floor(next() * device.size);
          const length = Math.floor(next() * Math.min(i % 4 === 0 ? 100_000 : 900, device.size - offset));
          if (i % 3 === 2) {
            device.zero(offset, length);
            model.fill(0, offset, offset + length);
          } else {
            const bytes = Uint8Array.from({ length }, (_, n) => (n * 31 + i) & 0xff);
            device.writeAt(offset, bytes);
            model.set(bytes, offset);
            bytes.fill(0);
          }
        }
        device.flush();
        const all = new Uint8Array(device.size);
        device.readAt(0, all);
        assert.ok(equal(all, model), 'what was written is read back');
        // Discarded bytes may read as anything; their neighbours may not change.
        device.discard(4096, 8192);
        const before = new Uint8Array(4096);
        device.readAt(0, before);
        assert.ok(equal(before, model.subarray(0, 4096)));
        const after = new Uint8Array(4096);
        device.readAt(12288, after);
        assert.ok(equal(after, model.subarray(12288, 16384)));
        refuses('EINVAL', () => device.writeAt(device.size, new Uint8Array(1)));
        refuses('EINVAL', () => device.zero(device.size - 1, 2));
        refuses('EINVAL', () => device.discard(-1, 2));
      });
    });

    test('is closed once, and then refuses', () => {
      const { device } = make();
      device.close();
      device.close();
      refuses('EBADF', () => device.readAt(0, new Uint8Array(1)));
      refuses('EBADF', () => device.extents(0, 1));
      refuses('EBADF', () => device.flush());
    });
  });
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
