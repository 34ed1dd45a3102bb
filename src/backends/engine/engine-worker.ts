/** Entry of the worker thread of a handle. */
import { createEnginePlatform } from '../../platform/engine/index.ts';
import { serveEngine } from './serve.ts';

serveEngine(createEnginePlatform);
