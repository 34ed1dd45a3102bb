'use strict';
// Starts a tool out of tools.cjs. Compiling that bundle takes longer than the rest of a tool's run, so that its
// compiled form is kept in V8 code caches beside it, one a tool: written when the package is built, and used only where V8
// says that it fits this Node (`cachedDataRejected`). Where it does not, the bundle is compiled as usual.
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const bundle = path.join(__dirname, 'tools.cjs');
const cacheFile = (name) => path.join(__dirname, 'cache', `${name}.${process.version}-${process.arch}`);

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

function readCache(name) {
  try {
    return fs.readFileSync(cacheFile(name));
  } catch {
    return undefined;
  }
}

/** The name of a run's cache: the shell has one for runs that write. */
function cacheOf(name, args) {
  const writes = args.includes('--rw') || args.includes('-w') || args.includes('-N');
  return name === 'guestfish' && writes ? `${name}-rw` : name;
}

exports.start = (name) => {
  const args = process.argv.slice(2);
  compile(readCache(cacheOf(name, args))).tools.start(name, args);
};

// A tool's cache is taken after the tool ran on an image, so that it holds what such a run needs and little else.
if (require.main === module && process.argv[2] === '--write-code-cache') {
  const { script, tools } = compile(undefined);
  const [name, ...args] = process.argv.slice(3);
  void tools.runToolByName(name, args).then((status) => {
    if (status !== 0) throw new Error(`${name} ended with status ${status} while its code cache was made`);
    fs.writeFileSync(cacheFile(cacheOf(name, args)), script.createCachedData());
    process.exit(0);
  });
}
