/** Minimal readers of archives, for comparing what two writers made of the same tree. */

/** Members of a tar archive as text: header without checksum and owner names, then the content. */
export function tarMembers(bytes: Buffer): string[] {
  const members: string[] = [];
  let pending = '';
  for (let at = 0; at + 512 <= bytes.length;) {
    const header = Buffer.from(bytes.subarray(at, at + 512));
    if (header.every((byte) => byte === 0)) break;
    const size = parseInt(header.toString('latin1', 124, 135), 8);
    const content = bytes.subarray(at + 512, at + 512 + size);
    header.fill(0, 148, 156);
    header.fill(0, 265, 329);
    const text = header.toString('latin1').replaceAll('\0', '') + content.toString('latin1');
    // Long names and extended headers belong to the member after them.
    if ('xLK'.includes(String.fromCharCode(header[156] as number))) pending += text;
    else {
      members.push(pending + text);
      pending = '';
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members.sort();
}

/** Members of a cpio archive in the newc or crc format as text: header, name and content. */
export function cpioMembers(bytes: Buffer): string[] {
  const members: string[] = [];
  for (let at = 0; at + 110 <= bytes.length && bytes.toString('latin1', at, at + 5) === '07070';) {
    const size = parseInt(bytes.toString('latin1', at + 54, at + 62), 16);
    const nameSize = parseInt(bytes.toString('latin1', at + 94, at + 102), 16);
    const content = Math.ceil((at + 110 + nameSize) / 4) * 4;
    members.push(bytes.toString('latin1', at, content + size));
    at = Math.ceil((content + size) / 4) * 4;
  }
  return members.sort();
}
