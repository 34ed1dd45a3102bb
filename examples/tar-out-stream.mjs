// Pack a folder of a guest into a compressed tar, through a stream, and stop it with a signal.
// `node examples/tar-out-stream.mjs IMAGE FOLDER > folder.tar.gz`
import { createGzip } from 'node:zlib';
import { Guestfs } from 'guestfs';

const [image, folder = '/etc'] = process.argv.slice(2);
const g = await Guestfs.open(image, { inspect: true });
try {
  const gzip = createGzip();
  const written = new Promise((resolve, reject) => {
    gzip.pipe(process.stdout).on('error', reject);
    gzip.on('end', resolve);
  });
  await g.tarOut(folder, gzip, { signal: AbortSignal.timeout(60_000) });
  gzip.end();
  await written;
} finally {
  await g.close();
}
