import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cLibrary, nativeLibrary } from './library.ts';

const skip = cLibrary() === undefined ? 'koffi is not installed' : false;

test('functions of the C library are called, and a library that is not there is undefined', { skip }, () => {
  const library = cLibrary();
  assert.equal(library?.numeric('int abs(int value)')(-7), 7);
  assert.equal(library?.numeric('int close(int fd)')(-1), -1);
  assert.equal(library?.errno(), 9);
  assert.equal(nativeLibrary('libguestfs-no-such.so.1', 'libguestfs-no-such.so.2'), undefined);
});
