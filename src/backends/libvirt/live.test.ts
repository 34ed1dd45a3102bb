import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { applianceObstacle } from '../../../test/support/appliance.ts';
import { startLiveGuest, type LiveGuest } from '../../../test/support/live-guest.ts';
import { runTools } from '../../../test/support/tool-runs.ts';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { GuestfsError } from '../../errors/index.ts';
import { Guestfs } from '../../handle/guestfs.ts';

const obstacle = applianceObstacle() || needsTool('virsh', 'qemu-img', 'mke2fs');

describe('a guest that runs', { skip: obstacle, timeout: 300_000 }, () => {
  const folder = temporaryFolder();
  const uri = `test://${join(folder.path, 'node.xml')}`;
  let guest: LiveGuest;
  before(async () => {
    guest = await startLiveGuest(folder.path);
    const xml = `<domain type='test'><name>my guest</name><memory>524288</memory><os><type>hvm</type></os><devices>
      <disk type='file'><driver type='qcow2'/><source file='${folder.path}/root.qcow2'/><target dev='sda' bus='scsi'/></disk>
      <channel type='unix'><source mode='bind' path='${guest.channel}'/><target type='virtio' name='org.libguestfs.channel.0'/></channel>
      </devices></domain>`;
    writeFileSync(join(folder.path, 'domain.xml'), xml);
    writeFileSync(join(folder.path, 'node.xml'), "<node><domain file='domain.xml'/></node>");
  });
  // A test that failed must not keep the daemon from the next one.
  afterEach(() => last?.terminate());
  after(async () => {
    await guest?.stop();
    folder.remove();
  });
  let last: Guestfs | undefined;
  const attached = async (): Promise<Guestfs> => {
    const g = new Guestfs({ environment: false, backend: 'auto' });
    last = g;
    assert.equal(await g.addDomain('my guest', { libvirturi: uri, live: true }), 0);
    await g.launch();
    return g;
  };

  test('is attached to through libvirt, and changed as it runs', async () => {
    const g = await attached();
    assert.equal(await g.getBackend(), `unix:${guest.channel}`);
    assert.equal(await g.cat('/etc/motd'), 'from the running guest\n');
    const mounted = await g.mountpoints();
    assert.deepEqual([mounted['/dev/sda'], mounted['/dev/sdb']], ['/', '/mnt']);
    assert.equal(await g.vfsLabel('/dev/sdb'), 'data');
    await g.write('/mnt/new', 'written from outside\n');
    // A program of the guest sees it, and is none of the host's.
    assert.equal(await g.command(['cat', '/mnt/new']), 'written from outside\n');
    assert.match(await g.sh('echo $PPID; cat /proc/$PPID/cmdline'), /guestfsd.cjs\0-r/);
    await assert.rejects(g.launch(), /already been launched/);
    await assert.rejects(g.addDrive('/dev/null'), /must be called before launch/);
    await assert.rejects(g.cat('/missing'), (error: unknown) => (error as GuestfsError).code === 'ENOENT');
    await g.mkdir('/mnt/again');
    await g.mount('/dev/sdb', '/mnt/again');
    await g.close();
    // What was mounted stays, and the next library finds the daemon ready.
    const next = await attached();
    assert.equal(await next.cat('/mnt/again/new'), 'written from outside\n');
    await next.umount('/mnt/again');
    await next.close();
  });

  test('takes another library when the one before is killed, or while it is served', async () => {
    const g = await attached();
    const sleeping = assert.rejects(g.sleep(2));
    setTimeout(() => void g.terminate(), 100);
    await sleeping;
    const one = await attached();
    const waiting = attached();
    await one.pingDaemon();
    await one.close();
    const next = await waiting;
    assert.equal(await next.cat('/etc/motd'), 'from the running guest\n');
    await next.close();
  });

  test('--live of the tools', () => {
    const live = ['--live', '-c', uri, '-d', 'my guest'];
    writeFileSync(join(folder.path, 'local'), 'a local file\n');
    const runs = [
      ['guestfish', ...live, 'run', ':', 'write', '/mnt/fish', 'text', ':', 'command', 'cat /mnt/fish'],
      ['guestfish', ...live, '-i', 'cat', '/etc/motd'],
      ['virt-cat', ...live, '/etc/motd'],
      ['virt-ls', ...live, '/mnt'],
      ['virt-df', ...live],
      ['virt-copy-in', ...live, 'local', '/mnt'],
      ['virt-edit', ...live, '-e', 's/local/edited/', '/mnt/local'],
      ['virt-cat', ...live, '/mnt/local'],
      ['virt-cat', ...live, '-m', '/dev/sdb', '/x'],
      ['guestfish', '--ro', ...live, 'run'],
      ['guestfish', ...live, '-a', '/dev/null', 'run'],
      ['guestfish', '--live', 'run'],
    ];
    const results = runTools(
      folder.path,
      runs.map((argv) => ({ argv })),
    );
    const said = results.map(({ status, stdout, stderr }) => `${status} ${stdout}${stderr}`);
    assert.equal(said[0], '0 text\n');
    assert.equal(said[1], '0 from the running guest\n\n');
    assert.equal(said[2], '0 from the running guest\n');
    assert.match(said[3] ?? '', /^0 (.*\n)*fish\n/);
    assert.match(said[4] ?? '', /my guest:\/dev\/sda .*\nmy guest:\/dev\/sdb /);
    assert.deepEqual(said.slice(5, 8), ['0 ', '0 ', '0 a edited file\n']);
    for (const [at, message] of [
      /--live and -m/,
      /--ro and --live/,
      /name it with one -d/,
      /name it with one -d/,
    ].entries()) {
      assert.match(said[8 + at] ?? '', message);
      assert.match(said[8 + at] ?? '', /^1 /);
    }
  });

  test('its daemon ends in order at SIGTERM, and is there again when it is started again', async () => {
    const g = await attached();
    const quit = new Promise((resolve) => g.once('subprocess_quit', () => resolve(undefined)));
    await g.sh('kill -TERM $PPID');
    // A port does not tell that its other end was closed; the new daemon's first word does.
    await quit;
    await g.close();
    assert.match(readFileSync(guest.console, 'utf8'), /the daemon was stopped\s+guestfsd ended with 0/);
    const next = await attached();
    await next.pingDaemon();
    await next.close();
  });
});
