import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runTools } from '../../../test/support/tool-runs.ts';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { CorruptError, GuestfsError } from '../../errors/index.ts';
import { Guestfs } from '../../handle/guestfs.ts';
import { parseDomain } from './domain.ts';
import { Virsh } from './virsh.ts';
import { child, parseXml } from './xml.ts';

describe('XML of the host', () => {
  test('elements, attributes, text and known entities', () => {
    const root = parseXml(
      `<?xml version="1.0"?><!-- <x> -->\n<a b='1 &lt; "2"' c:d="&#x41;&#66;"><e/>t&amp;u<![CDATA[<&]]><f >v</f></a >\n`,
    );
    assert.equal(root.attributes.get('b'), '1 < "2"');
    assert.equal(root.attributes.get('c:d'), 'AB');
    assert.equal(root.text, 't&u<&');
    assert.equal(child(root, 'f')?.text, 'v');
    assert.equal(child(root, 'g'), undefined);
  });

  test('what is not plain XML is refused, with the offset', () => {
    const wrong = [
      '',
      'text',
      '<a>',
      '<a></b>',
      '<a/><b/>',
      '</a>',
      '<a b="1" b="2"/>',
      '<a b=1/>',
      '<a>&x;</a>',
      '<a>&#xd800;</a>',
      '<a>&#0;</a>',
      '<a>&amp</a>',
      '<a>&#1;</a>',
      '<a>\0</a>',
      '<a>\u001b</a>',
      '<a>& b</a>',
      '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
      '<a><!-- </a>',
      '<a>'.repeat(100_000),
      `<r>${'<a/>'.repeat(200_001)}</r>`,
    ];
    for (const text of wrong) {
      assert.throws(() => parseXml(text), CorruptError, text.slice(0, 40));
    }
    const laughs = `<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "${'&l;'.repeat(100)}">]><a>&m;</a>`;
    assert.throws(() => parseXml(laughs), /document type.*refused/);
    assert.throws(() => parseXml(`<a>${'x'.repeat(5_000_000)}</a>`), /longer than 4194304/);
    // What has no end is seen at once, however long it is.
    assert.throws(() => parseXml(`<a>${'&'.repeat(4_000_000)}</a>`), /& is no entity/);
  });
});

const disk = (type: string, words: string, inner: string): string =>
  `<disk type='${type}' ${words}>${inner}<target dev='vda' bus='virtio'/></disk>`;
const domainXml = (disks: string, words = ''): string =>
  `<domain type='test'${words}><name>web &amp; mail</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e1000</uuid><memory>10000</memory><os><type>hvm</type></os><devices>${disks}</devices></domain>`;

describe('disks of a domain', () => {
  const parsed = (xml: string): unknown => parseDomain(domainXml(xml)).disks;

  test('files, devices and volumes; the format is that of the XML, else raw', () => {
    const source = "<source file='/a'/>";
    assert.deepEqual(parsed(disk('file', '', source)), [
      { target: 'vda', source: { kind: 'file', path: '/a' }, format: 'raw', readonly: false },
    ]);
    const more = `<driver name='qemu' type='qcow2'/><source dev='/dev/x'/><readonly/><blockio logical_block_size='4096'/>`;
    assert.deepEqual(parsed(disk('block', "device='lun'", more)), [
      {
        target: 'vda',
        source: { kind: 'file', path: '/dev/x' },
        format: 'qcow2',
        readonly: true,
        blocksize: 4096,
      },
    ]);
    const [volume] = parseDomain(domainXml(disk('volume', '', "<source pool='p' volume='v'/>"))).disks;
    assert.deepEqual(volume?.source, { kind: 'volume', pool: 'p', volume: 'v' });
    assert.deepEqual(parsed(disk('file', "device='cdrom'", '')), []);
    assert.deepEqual(parsed(disk('file', "device='cdrom'", "<source startupPolicy='optional'/>")), []);
    // As in libguestfs, so that the disks have the same names.
    assert.equal((parsed(disk('file', "device='floppy'", source)) as unknown[]).length, 1);
  });

  test('disks of servers, with their secrets', () => {
    const rbd = `<auth username='u'><secret type='ceph' uuid='1234'/></auth><source protocol='rbd' name='pool/image'><host name='h1' port='6789'/><host name='::1'/></source>`;
    assert.deepEqual(parsed(disk('network', '', rbd)), [
      {
        target: 'vda',
        source: { kind: 'network', protocol: 'rbd', name: 'pool/image', servers: ['h1:6789', '[::1]'] },
        format: 'raw',
        readonly: false,
        username: 'u',
        secret: { uuid: '1234' },
      },
    ]);
    const nbd = `<source protocol='nbd' name='e'><host transport='unix' socket='/s'/></source>`;
    const [found] = parseDomain(domainXml(disk('network', '', nbd))).disks;
    assert.deepEqual(found?.source, { kind: 'network', protocol: 'nbd', name: 'e', servers: ['unix:/s'] });
  });

  test('what is no image is left out, what cannot be opened is said', () => {
    const socket = "<source type='unix' path='/x'/>";
    const { disks, warnings } = parseDomain(
      domainXml(
        disk('vhostuser', '', socket) + disk('dir', '', "<source dir='/d'/>") + disk('nvme', '', '<source/>'),
      ),
    );
    assert.deepEqual(disks, []);
    assert.match(warnings.join('\n'), /vhostuser, .* left out\n.* dir, .*\n.* nvme, /);
    assert.throws(() => parsed(disk('strange', '', '<source/>')), /of the type strange/);
    const slices = "<source file='/a'><slices><slice type='storage' offset='1' size='2'/></slices></source>";
    assert.throws(() => parsed(disk('file', '', slices)), /is a part of a file/);
    const luks = "<encryption format='luks'><secret type='passphrase' uuid='1234'/></encryption>";
    const encrypted = parseDomain(domainXml(disk('file', '', `<source file='/a'>${luks}</source>`)));
    assert.equal(encrypted.disks.length, 1);
    assert.match(
      encrypted.warnings[0] ?? '',
      /a LUKS device here, whose passphrase is libvirt's secret 1234/,
    );
    const within = `<driver type='qcow2'/><source file='/a'>${luks}</source>`;
    assert.throws(() => parsed(disk('file', '', within)), /encrypted by libvirt within the format qcow2/);
    assert.throws(() => parseDomain('<network/>'), /describes <network>/);
  });

  test('a channel to a daemon in the guest', () => {
    const found = (target: string, type = 'unix'): unknown =>
      parseDomain(
        domainXml(
          `<channel type='unix'><source path='/run/other'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
           <channel type='${type}'><source mode='bind' path='/run/x'/><target type='virtio' ${target}/></channel>`,
          " id='3'",
        ),
      ).channel;
    const name = "name='org.libguestfs.channel.0'";
    assert.deepEqual(found(name), { path: '/run/x', connected: true });
    assert.deepEqual(found(`${name} state='connected'`), { path: '/run/x', connected: true });
    assert.deepEqual(found(`${name} state='disconnected'`), { path: '/run/x', connected: false });
    assert.equal(found(name, 'pty'), undefined);
    assert.equal(found("name='org.libguestfs.channel.1'"), undefined);
    assert.equal(parseDomain(domainXml('', " id='3'")).active, true);
    assert.equal(parseDomain(domainXml('')).active, false);
  });
});

const UUID = '6695eb01-f6a4-8304-79aa-97f2502e1000';
const odd = ['broken', '1', UUID, '--help', '$(touch x);`id`&"'];

describe("add_domain with libvirt's test driver", { skip: needsTool('virsh') }, () => {
  const folder = temporaryFolder();
  const uri = `test://${join(folder.path, 'node.xml')}`;
  const warnings: string[] = [];
  after(() => folder.remove());
  before(() => {
    for (const name of ['a', 'b', 'c']) writeFileSync(join(folder.path, name), Buffer.alloc(4096));
    const file = (name: string, more = ''): string =>
      disk('file', '', `<source file='${join(folder.path, name)}'/>${more}`).replace('vda', `vd${name}`);
    const disks = `${file('a')}${file('b', '<readonly/>')}${file('c', "<driver type='raw'/>")}`;
    writeFileSync(join(folder.path, 'domain.xml'), domainXml(disks));
    // Domains whose names say something else to virsh: the number of the first, its UUID, an option, a command.
    for (const [at, name] of odd.entries()) {
      const id = (at + 1).toString(16).padStart(2, '0');
      const missing = disk('file', '', "<source file='/no such file'/>");
      const xml = domainXml(file('b') + file('c').replace('vdc', 'vdd') + (at === 0 ? missing : ''))
        .replace('2e1000', `2e10${id}`)
        .replace('web &amp; mail', () => name.replaceAll('&', '&amp;'));
      writeFileSync(join(folder.path, `odd${at}.xml`), xml);
    }
    const off = domainXml(file('b', '<readonly/>'))
      .replace('2e1000', '2e1099')
      .replace('web &amp; mail', 'off')
      .replace(
        '<devices>',
        "<test:runstate xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>5</test:runstate><devices>",
      );
    writeFileSync(join(folder.path, 'off.xml'), off);
    const domains = ['domain', 'off', ...odd.map((_, at) => `odd${at}`)];
    const pool = "<pool type='dir'><name>p</name><target><path>/pool</path></target></pool>";
    writeFileSync(join(folder.path, 'pool.xml'), pool);
    writeFileSync(
      join(folder.path, 'node.xml'),
      `<node>${domains.map((name) => `<domain file='${name}.xml'/>`).join('')}<pool file='pool.xml'/></node>`,
    );
  });
  const added = async (name: string, options: object): Promise<string[]> => {
    const g = new Guestfs({ environment: false });
    warnings.length = 0;
    g.on('warning', (message) => warnings.push(message));
    try {
      const count = await g.addDomain(name, { libvirturi: uri, ...options });
      const drives = await g.debugDrives();
      assert.equal(drives.length, count);
      return drives.map((line) => line.replace(`${folder.path}/`, ''));
    } finally {
      await g.close();
    }
  };
  const failing = (code: string, message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof GuestfsError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };

  test('its disks are added, by name and by UUID', async () => {
    const all = ['a', 'b', 'c'].map((name) => `${name} readonly format=raw protocol=file`);
    assert.deepEqual(await added('web & mail', { readonly: true }), all);
    assert.deepEqual(await added(UUID, { readonly: true, allowuuid: true }), all);
    assert.deepEqual(await added(UUID.replaceAll('-', ''), { readonly: true, allowuuid: true }), all);
    const other = '6695eb01-f6a4-8304-79aa-97f2502e1001';
    await assert.rejects(added(other, { readonly: true }), failing('ENOENT', /no domain with the name 6695/));
    // Names are names, whatever else virsh could take them for.
    for (const name of odd.slice(1)) {
      assert.deepEqual(await added(name, { readonly: true }), all.slice(1), name);
    }
    assert.deepEqual(await added('web & mail', { readonly: true, readonlydisk: 'ignore' }), [all[0], all[2]]);
    const g = new Guestfs({ environment: false });
    assert.equal(await g.addLibvirtDom({ uuid: UUID, uri }, { readonly: true }), 3);
    assert.equal(await g.addLibvirtDom({ name: 'web & mail', uri }, { readonly: true }), 3);
    assert.equal((await g.debugDrives()).length, 6);
    await assert.rejects(g.addLibvirtDom({ name: UUID, uri: 1 }), failing('EINVAL', /expected an object/));
    await assert.rejects(g.addLibvirtDom(undefined), failing('EINVAL', /expected an object/));
    await g.close();
    const discard = added('web & mail', { readonly: true, discard: 'enable' });
    await assert.rejects(discard, failing('EINVAL', /discard is enable, but/));
    const more = { readonly: true, cachemode: 'unsafe', copyonread: true };
    assert.match((await added('web & mail', more))[0] as string, /cache=unsafe copyonread/);
  });

  test('a disk that may not be written is refused where that is wished for, and --rw is not said to help', async () => {
    const refused = added('off', { readonlydisk: 'error' });
    await assert.rejects(refused, failing('EROFS', /the disk vdb of off is read-only/));
    const argv = ['guestfish', 'add-domain', 'off', `libvirturi:${uri}`, 'readonlydisk:error'];
    const [ended] = runTools(folder.path, [{ argv }]);
    assert.equal(ended?.status, 1);
    assert.match(ended.stderr, /the disk vdb of off is read-only$/m);
    assert.doesNotMatch(ended.stderr, /--rw/);
  });

  test('what is wrong is said', async () => {
    await assert.rejects(added('nosuch', {}), failing('ENOENT', /nosuch/));
    await assert.rejects(added('web & mail', {}), failing('EBUSY', /is running/));
    await assert.rejects(added('web & mail', { live: true }), failing('ENOTCONN', /no Unix socket/));
    await assert.rejects(
      added('web & mail', { live: true, readonly: true }),
      failing('EINVAL', /live and readonly are given/),
    );
    await assert.rejects(added('', {}), failing('EINVAL', /is empty/));
    await assert.rejects(
      added('web & mail', { readonlydisk: 'x' }),
      failing('EINVAL', /readonlydisk is 'x'/),
    );
    const g = new Guestfs({ environment: false });
    await assert.rejects(g.addDomain('x', { libvirturi: 'nosuch:///' }), failing('EIO', /virsh dumpxml/));
    // All disks or none.
    const broken = g.addDomain('broken', { libvirturi: uri, readonly: true });
    await assert.rejects(broken, failing('ENOENT', /no such file/));
    assert.deepEqual(await g.debugDrives(), []);
    await g.addDrive(join(folder.path, 'a'), { format: 'raw', readonly: true });
    const second = g.addDomain('web & mail', { libvirturi: uri, live: true });
    await assert.rejects(second, failing('EINVAL', /nothing beside it/));
    await g.close();
  });
});

describe('virsh as it may be', { skip: process.platform === 'win32' && 'needs sh' }, () => {
  const folder = temporaryFolder();
  const path = process.env['PATH'];
  after(() => {
    process.env['PATH'] = path;
    folder.remove();
  });
  /** Have a shell script be virsh, and nothing else but the usual programs. */
  const pretend = (script: string): void => {
    writeFileSync(join(folder.path, 'virsh'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    process.env['PATH'] = `${folder.path}:/usr/bin:/bin`;
  };
  const failing = (script: string, code: string, message: RegExp, limit = 60_000) => {
    pretend(script);
    return assert.rejects(new Virsh(undefined, limit).domain('x', false), (error: unknown) => {
      assert.ok(error instanceof GuestfsError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.ok(error.message.length < 3000);
      return true;
    });
  };

  test('what it does wrong is said', async () => {
    await failing('exec sleep 60', 'ETIMEDOUT', /virsh dumpxml: no answer within 0.3 s/, 300);
    await failing("trap '' TERM; sleep 60 & wait", 'ETIMEDOUT', /no answer/, 300);
    await failing('exit 0', 'EIO', /printed nothing/);
    await failing('exec head -c 20000000 /dev/zero', 'EFBIG', /printed more than 16777216 bytes/);
    await failing('head -c 5000000 /dev/zero | tr "\\0" x', 'EUCLEAN', /longer than 4194304/);
    await failing('head -c 100000 /dev/zero | tr "\\0" x >&2; exit 1', 'EIO', /virsh dumpxml: xxx/);
    await failing('echo "<html/>"', 'EINVAL', /describes <html>/);
    process.env['PATH'] = join(folder.path, 'empty');
    await assert.rejects(new Virsh(undefined).domain('x', false), /virsh, which is not installed/);
  });

  test('secrets and volumes are asked for, and go where they belong', async () => {
    const disks =
      `<disk type='network'><driver type='raw'/><auth username='u'><secret type='ceph' usage='my key'/></auth>` +
      `<source protocol='rbd' name='p/i'><host name='h'/></source><target dev='vda'/></disk>` +
      `<disk type='volume'><driver type='qcow2'/><source pool='p' volume='--v $x'/><target dev='vdb'/></disk>`;
    writeFileSync(join(folder.path, 'domain.xml'), domainXml(disks));
    writeFileSync(join(folder.path, 'volume'), '');
    const uuid = '6695eb01-f6a4-8304-79aa-97f2502e1fff';
    pretend(`echo "$*" >>${folder.path}/log
case "$*" in
*dumpxml*) cat ${folder.path}/domain.xml ;;
*secret-list*) echo ' UUID  Usage'; echo ' ${uuid}   ceph my key' ;;
*secret-get-value*) echo c2VjcmV0 ;;
*vol-path*) echo ${folder.path}/volume; echo ;;
esac`);
    const g = new Guestfs({ environment: false, backend: 'appliance' });
    assert.equal(await g.addDomain('web & mail', { libvirturi: 'x:///', readonly: true }), 2);
    assert.deepEqual(await g.debugDrives(), [
      'p/i readonly format=raw protocol=rbd',
      `${folder.path}/volume readonly format=qcow2 protocol=file`,
    ]);
    await g.close();
    assert.equal(
      readFileSync(join(folder.path, 'log'), 'utf8'),
      `--quiet --readonly --connect=x:/// dumpxml --domain=web & mail
--quiet --connect=x:/// secret-list
--quiet --connect=x:/// secret-get-value --secret=${uuid}
--quiet --readonly --connect=x:/// vol-path --pool=p --vol=--v $x
`,
    );
  });
});
