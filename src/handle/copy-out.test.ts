import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { TINY_GUEST } from '../../test/support/engine-daemon.ts';
import { temporaryFolder } from '../../test/support/tools.ts';
import { Guestfs } from './guestfs.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const fresh = (): string => mkdtempSync(join(folder.path, 'd'));

async function tinyGuest(thread: 'own' | 'worker'): Promise<Guestfs> {
  return Guestfs.open(TINY_GUEST, {
    thread,
    environment: false,
    mount: { '/boot': '/dev/sda2', '/': '/dev/tiny/root' },
  });
}

for (const thread of ['own', 'worker'] as const) {
  describe(`copy_out with the engine in ${thread} thread`, () => {
    test('copies a folder with everything in it', async () => {
      await using g = await tinyGuest(thread);
      const warnings: string[] = [];
      g.on('warning', (message) => warnings.push(message));
      const into = fresh();
      await g.copyOut('/etc', into);
      assert.deepEqual(readdirSync(join(into, 'etc')).sort(), (await g.ls('/etc')).sort());
      assert.equal(readFileSync(join(into, 'etc/motd'), 'utf8'), await g.cat('/etc/motd'));
      assert.equal(statSync(join(into, 'etc/motd')).mtimeMs, Date.UTC(2026, 0, 2, 3, 4, 5));
      await g.copyOut('/root', into);
      assert.deepEqual(readdirSync(join(into, 'root')), []);
      assert.match(warnings.at(-1) as string, /letter: left out: the link leads outside, to \.\.\/home/);
      await g.copyOut('/root/', into, { links: 'all' });
      assert.equal(readlinkSync(join(into, 'root/letter')), '../home/anna/letter.txt');
      const all = fresh();
      await g.copyOut('/', all);
      assert.equal(readFileSync(join(all, 'boot/grub/grub.cfg'), 'utf8'), 'set timeout=1\n');
      assert.equal(readlinkSync(join(all, 'root/letter')), '../home/anna/letter.txt');
    });

    test('copies one file and one link', async () => {
      await using g = await tinyGuest(thread);
      const into = fresh();
      symlinkSync('/nonexistent/elsewhere', join(into, 'ls'));
      await g.copyOut('/bin/ls', into);
      assert.ok(lstatSync(join(into, 'ls')).isFile(), 'a link in the way is replaced, not followed');
      assert.equal(statSync(join(into, 'ls')).mode & 0o777, 0o755);
      await g.copyOut('/root/letter', into, { links: 'all' });
      assert.equal(readlinkSync(join(into, 'letter')), '../home/anna/letter.txt');
    });

    test('says what cannot be copied where', async () => {
      await using g = await tinyGuest(thread);
      const into = fresh();
      writeFileSync(join(into, 'file'), '');
      await assert.rejects(g.copyOut('/missing', into), { code: 'ENOENT' });
      await assert.rejects(g.copyOut('/etc', join(into, 'missing')), { code: 'ENOENT' });
      await assert.rejects(g.copyOut('/etc', join(into, 'file')), { code: 'ENOTDIR' });
      await assert.rejects(g.copyOut('/etc/..', into), { code: 'EINVAL' });
      await assert.rejects(g.copyOut('/etc', into, { links: 'some' as never }), { code: 'EINVAL' });
      writeFileSync(join(into, 'etc'), '');
      await assert.rejects(g.copyOut('/etc', into), { code: 'ENOTDIR' });
    });
  });
}
