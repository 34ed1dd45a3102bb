import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TINY_GUEST } from '../../test/support/engine-daemon.ts';
import { Guestfs } from './guestfs.ts';

let g: Guestfs;
before(async () => {
  g = await Guestfs.open(TINY_GUEST, { thread: 'own', environment: false });
});
after(() => g.close());

test('groups whose reading actions work are there', async () => {
  for (const group of [
    'lvm2',
    'linuxxattrs',
    'acl',
    'linuxcaps',
    'augeas',
    'realpath',
    'scrub',
    'wipefs',
    'zerofree',
  ]) {
    assert.equal(await g.featureAvailable([group]), true, group);
  }
  assert.equal(await g.featureAvailable([]), true);
  await g.available(['lvm2', 'acl']);
});

test('groups of what the engine cannot do are not', async () => {
  for (const group of ['btrfs', 'luks', 'selinux', 'ntfs3g', 'hivex']) {
    assert.equal(await g.featureAvailable(['lvm2', group]), false, group);
    await assert.rejects(g.available([group]), {
      code: 'ENOTSUP',
      message: new RegExp(`group ${group} is not available`),
    });
  }
});

test('a group that nobody knows is an error', async () => {
  await assert.rejects(g.featureAvailable(['nosuch']), { code: 'EINVAL', message: /no such feature group/ });
  await assert.rejects(g.available(['lvm2', 'zfs']), { code: 'EINVAL' });
});

test('all groups are those of libguestfs, sorted', async () => {
  const groups = await g.availableAllGroups();
  assert.deepEqual(groups, groups.toSorted());
  for (const group of ['acl', 'augeas', 'lvm2', 'xz', 'zerofree']) assert.ok(groups.includes(group));
});

test('the daemon answers', async () => {
  await g.pingDaemon();
  assert.equal(await g.echoDaemon(['a b', '', 'c']), 'a b  c');
  await g.sleep(0);
  await assert.rejects(g.sleep(-1), { code: 'EINVAL' });
  await g.dropCaches(3);
  await assert.rejects(g.dropCaches(5), { code: 'EINVAL' });
  const { utsSysname, utsMachine } = await g.utsname();
  assert.equal(utsSysname, 'guestfs-engine');
  assert.notEqual(utsMachine, '');
  assert.match(await g.debug('help', []), /progress/);
  await assert.rejects(g.debug('error', ['as asked']), { code: 'EIO', message: 'debug: as asked' });
  await assert.rejects(g.debug('toString', []), { code: 'EINVAL' });
});

test('a long call sends progress after two seconds, and ends at the total', async () => {
  const seen: [number, number][] = [];
  const call = new Set<number>();
  await using w = await Guestfs.open(TINY_GUEST, { environment: false });
  w.on('progress', ({ position, total, serial, procedure }) => {
    seen.push([position, total]);
    call.add(serial * 1000 + procedure);
  });
  await w.debug('progress', ['2.6']);
  assert.ok(seen.length >= 2, JSON.stringify(seen));
  assert.deepEqual(seen.at(-1), [26, 26]);
  assert.equal(call.size, 1);
  assert.equal([...call][0]! % 1000, 76);
});
