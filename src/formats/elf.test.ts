import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { elfArchitecture } from './elf.ts';

function header(elfClass: number, data: number, machine: number): Uint8Array {
  const bytes = new Uint8Array(20);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, elfClass, data]);
  new DataView(bytes.buffer).setUint16(18, machine, data === 1);
  return bytes;
}

describe('elfArchitecture', () => {
  const cases: [number, number, number, string | undefined][] = [
    [2, 1, 62, 'x86_64'],
    [1, 1, 3, 'i386'],
    [2, 1, 183, 'aarch64'],
    [1, 1, 40, 'arm'],
    [2, 1, 21, 'ppc64le'],
    [2, 2, 21, 'ppc64'],
    [1, 2, 20, 'ppc'],
    [2, 2, 22, 's390x'],
    [1, 2, 22, 's390'],
    [2, 1, 243, 'riscv64'],
    [1, 1, 243, 'riscv32'],
    [2, 1, 258, 'loongarch64'],
    [2, 2, 43, 'sparc64'],
    [1, 2, 2, 'sparc'],
    [2, 1, 50, 'ia64'],
    [1, 1, 8, 'mipsel'],
    [2, 2, 8, 'mips64'],
    [2, 1, 0xffff, undefined],
    [3, 1, 62, undefined],
    [2, 3, 62, undefined],
  ];
  for (const [elfClass, data, machine, expected] of cases) {
    test(`class ${elfClass}, data ${data}, machine ${machine}: ${expected ?? 'none'}`, () => {
      assert.equal(elfArchitecture(header(elfClass, data, machine)), expected);
    });
  }

  test('is quiet on what is no ELF file', () => {
    assert.equal(elfArchitecture(new Uint8Array(0)), undefined);
    assert.equal(elfArchitecture(new Uint8Array(64)), undefined);
    assert.equal(elfArchitecture(header(2, 1, 62).subarray(0, 19)), undefined);
  });

  test('agrees with Node about its own program', { skip: process.platform !== 'linux' }, () => {
    const names: Record<string, string> = {
      x64: 'x86_64',
      arm64: 'aarch64',
      ia32: 'i386',
      arm: 'arm',
      ppc64: 'ppc64le',
      s390x: 's390x',
      riscv64: 'riscv64',
      loong64: 'loongarch64',
    };
    assert.equal(elfArchitecture(readFileSync(process.execPath)), names[process.arch]);
  });
});
