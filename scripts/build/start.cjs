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
  const source = fs.readFileSync(bundle, 'utf8');
  const script = new vm.Script(`(function(exports,require,module,__filename,__dirname){${source}\n})`, {
    filename: bundle,
    cachedData,
    importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, bundle, __dirname);
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

// The cache is taken after the functions that every run needs were compiled: after running a tool once.
if (require.main === module && process.argv[2] === '--write-code-cache') {
  const { script, tools } = compile(undefined);
  tools.warmUp().then(() => fs.writeFileSync(cacheFile, script.createCachedData()));
}
