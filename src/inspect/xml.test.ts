import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { base64, type SystemReport } from './report.ts';
import { inspectionXml, xmlAttribute, xmlText } from './xml.ts';

const SYSTEM: SystemReport = {
  root: '/dev/sda1',
  name: 'linux',
  arch: 'x86_64',
  distro: 'debian',
  productName: '12.5',
  productVariant: 'unknown',
  majorVersion: 12,
  minorVersion: 5,
  packageFormat: 'deb',
  packageManagement: 'apt',
  hostname: 'h<o>st',
  buildId: 'unknown',
  osinfo: 'debian12',
  mountpoints: [
    ['/', '/dev/sda1'],
    ['/with "quotes" & more', '/dev/a"b'],
  ],
  filesystems: [{ device: '/dev/sda1', type: 'ext4', label: '', uuid: '11-22' }, { device: '/dev/sda2' }],
  applications: [
    { name: 'a', epoch: 1, version: '2', release: '3', arch: 'all', summary: 's', description: 'one\ntwo' },
    {
      name: 'b',
      epoch: 0,
      displayName: 'B',
      publisher: 'p',
      url: 'u',
      sourcePackage: 'src',
      installPath: '/b',
    },
  ],
  icon: new Uint8Array(60),
};

describe('the document of virt-inspector', () => {
  test('elements, order, indentation', () => {
    const icon = base64(new Uint8Array(60));
    assert.equal(
      inspectionXml([SYSTEM]),
      `<?xml version="1.0"?>
<operatingsystems>
  <operatingsystem>
    <root>/dev/sda1</root>
    <name>linux</name>
    <arch>x86_64</arch>
    <distro>debian</distro>
    <product_name>12.5</product_name>
    <major_version>12</major_version>
    <minor_version>5</minor_version>
    <package_format>deb</package_format>
    <package_management>apt</package_management>
    <hostname>h&lt;o&gt;st</hostname>
    <osinfo>debian12</osinfo>
    <mountpoints>
      <mountpoint dev="/dev/sda1">/</mountpoint>
      <mountpoint dev="/dev/a&quot;b">/with &quot;quotes&quot; &amp; more</mountpoint>
    </mountpoints>
    <filesystems>
      <filesystem dev="/dev/sda1">
        <type>ext4</type>
        <uuid>11-22</uuid>
      </filesystem>
      <filesystem dev="/dev/sda2"/>
    </filesystems>
    <applications>
      <application>
        <name>a</name>
        <epoch>1</epoch>
        <version>2</version>
        <release>3</release>
        <arch>all</arch>
        <summary>s</summary>
        <description>one
two</description>
      </application>
      <application>
        <name>b</name>
        <display_name>B</display_name>
        <install_path>/b</install_path>
        <publisher>p</publisher>
        <url>u</url>
        <source_package>src</source_package>
      </application>
    </applications>
    <icon>${icon.slice(0, 72)}\r
${icon.slice(72)}</icon>
  </operatingsystem>
</operatingsystems>
`,
    );
  });

  test('nothing found is an empty document', () => {
    assert.equal(inspectionXml([]), '<?xml version="1.0"?>\n<operatingsystems/>\n');
  });

  test('what XML has no character for is replaced, what it has an escape for is escaped', () => {
    assert.equal(xmlText('plain ü 😀\n\t'), 'plain ü 😀\n\t');
    assert.equal(xmlText('a\0b\x1b[0m\udc80\ud800x\uffff'), 'a\ufffdb\ufffd[0m\ufffd\ufffdx\ufffd');
    assert.equal(xmlText('<a href="x">&\r'), '&lt;a href=&quot;x&quot;&gt;&amp;&#13;');
    assert.equal(xmlText(']]>'), ']]&gt;');
    assert.equal(xmlAttribute('a\nb\t"'), 'a&#10;b&#9;&quot;');
  });

  test('base64', () => {
    for (let length = 0; length < 20; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 83 + 251) & 0xff);
      assert.equal(base64(bytes), Buffer.from(bytes).toString('base64'));
    }
  });
});
