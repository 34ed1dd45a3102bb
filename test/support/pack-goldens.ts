/**
 * Packs images and what stock libguestfs shows of them: `pack-goldens.ts IMAGES OUTPUT [NAME=OPTIONS...]`. Every
 * image of the folder is listed without options, and those named with the options as well. The golden's make.sh
 * calls it.
 */
import { closeSync, openSync, readdirSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packImage } from './sparse-image.ts';
import { stockListings, type Listing, type ListingRequest } from './stock-listing.ts';

const [folder, output, ...extra] = process.argv.slice(2);
if (folder === undefined || output === undefined)
  throw new Error('usage: pack-goldens.ts IMAGES OUTPUT [NAME=OPTIONS]');

const names = readdirSync(folder)
  .filter((name) => name.endsWith('.img'))
  .sort();
const requests: ListingRequest[] = names.map((name) => ({ image: join(folder, name), options: '' }));
for (const argument of extra) {
  const at = argument.indexOf('=');
  requests.push({ image: join(folder, `${argument.slice(0, at)}.img`), options: argument.slice(at + 1) });
}
const listings: Record<string, Listing[]> = {};
for (const [i, listing] of stockListings(requests).entries()) {
  const name = requests[i]!.image.slice(folder.length + 1, -4);
  (listings[name] ??= []).push(listing);
}
for (const name of names) {
  const fd = openSync(join(folder, name), 'r');
  const packed = packImage(statSync(join(folder, name)).size, (offset, into) => {
    readSync(fd, into, 0, into.length, offset);
  });
  closeSync(fd);
  writeFileSync(join(output, `${name}.gz`), packed);
}
writeFileSync(join(output, 'listings.json.gz'), gzipSync(JSON.stringify(listings), { level: 9 }));
process.stdout.write(`${names.length} images, ${requests.length} listings\n`);
