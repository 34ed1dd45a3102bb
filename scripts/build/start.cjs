'use strict';
// Starts a tool out of tools.cjs. Compiling that bundle takes longer than the rest of a tool's run, so that its
// compiled form is kept in a V8 code cache beside it: written when the package is built, and used only where V8
// says that it fits this Node (`cachedDataRejected`). Where it does not, the bundle is compiled as usual.
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const bundle = path.join(__dirname, 'tools.cjs');
const cacheFile = `${bundle}.${process.version}-${process.arch}.cache`;

function compile(cachedData) {
  // The bundle is ASCII, and a function expression already: nothing is decoded, copied or wrapped here.
  const source = fs.readFileSync(bundle, 'latin1');
  const script = new vm.Script(source, {
    filename: bundle,
    cachedData,
    importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, bundle);
  return { script, tools: module.exports };
}

function readCache() {
  try {
    return fs.readFileSync(cacheFile);
  } catch {
    return undefined;
  }
}

exports.start = (name) => {
  compile(readCache()).tools.start(name, process.argv.slice(2));
};

// The cache is taken after tools ran on an image, so that it holds the functions that every run needs.
if (require.main === module && process.argv[2] === '--write-code-cache') {
  const { script, tools } = compile(undefined);
  const image = process.argv[3];
  const runs = [
    ['virt-cat', '-a', image, '/etc/os-release'],
    ['virt-ls', '-a', image, '-lR', '/'],
    ['virt-df', '-a', image],
    ['virt-filesystems', '-a', image, '--all', '--long'],
    ['virt-inspector', '-a', image],
    ['virt-tar-out', '-a', image, '/etc', '/dev/null'],
    ['guestfish', '--ro', '-a', image, 'run', ':', 'checksum-device', 'sha256', '/dev/sda'],
  ];
  void (async () => {
    for (const [name, ...args] of runs) {
      const status = await tools.runToolByName(name, args);
      if (status !== 0) throw new Error(`${name} ended with status ${status} while the code cache was made`);
    }
    fs.writeFileSync(cacheFile, script.createCachedData());
    process.exit(0);
  })();
}
