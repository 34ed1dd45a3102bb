import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from '../../test/support/fuzz.ts';
import { aclText, aclTextOfMode, hasExtendedAcl } from './acl.ts';
import { capabilityText } from './capability.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

const ACL = bytes(
  '02000000 01000600ffffffff 02000600e8030000 04000400ffffffff 08000400f7100000 10000700ffffffff 20000400ffffffff',
);

test('ACLs as text', () => {
  assert.equal(aclText(ACL), 'user::rw-\nuser:1000:rw-\ngroup::r--\ngroup:4343:r--\nmask::rwx\nother::r--\n');
  assert.equal(aclTextOfMode(0o100750), 'user::rwx\ngroup::r-x\nother::---\n');
  assert.ok(hasExtendedAcl([{ name: 'system.posix_acl_access', value: ACL }]));
  assert.ok(!hasExtendedAcl([{ name: 'system.posix_acl_access', value: ACL.subarray(0, 28) }]));
  assert.throws(() => aclText(ACL.subarray(0, 7)), { code: 'EUCLEAN' });
  assert.throws(() => aclText(bytes('01000000')), { code: 'EUCLEAN' });
  assert.throws(() => aclText(bytes('02000000 40000600ffffffff')), { code: 'EUCLEAN' });
});

test('capabilities as text, as getcap(8) shows them', () => {
  const cases: Record<string, string> = {
    '01000002 ffffffff 00000000 ff010000 00000000': '=ep',
    '01000002 feffffff 00000000 ff010000 00000000': '=ep cap_chown-ep',
    '00000002 01000000 00000000 00000000 00000000': 'cap_chown=p',
    '00000002 00000000 ffffffff 00000000 ff010000': '=i',
    '00000003 01000000 00000000 00000000 00000000 e8030000': 'cap_chown=p',
    '00000002 feffffff 00200000 ff010000 00000000': '=p cap_net_raw+i cap_chown-p',
    '01000002 00300000 00000000 00000000 00000000': 'cap_net_admin,cap_net_raw=ep',
    '00000002 00000000 00000000 00000000 00000000': '=',
  };
  for (const [hex, text] of Object.entries(cases)) assert.equal(capabilityText(bytes(hex)), text, hex);
  assert.throws(() => capabilityText(bytes('00000002')), { code: 'EUCLEAN' });
  assert.throws(() => capabilityText(bytes('00000009 00000000')), { code: 'EUCLEAN' });
  assert.throws(() => capabilityText(new Uint8Array()), { code: 'EUCLEAN' });
});

test('damaged attributes give errors or text, nothing else', () => {
  fuzz({ seed: 3, rounds: 500, image: ACL, read: aclText });
  fuzz({ seed: 4, rounds: 500, image: new Uint8Array(20).fill(2), read: capabilityText });
});
