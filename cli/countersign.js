#!/usr/bin/env node
// The command's door: plain JavaScript, so that an old Node can read it and say what to do. Hands the environment over.
import { requireNode } from './node-version.js';

requireNode();
const { keepCompiled } = await import('./compile-cache.ts');
keepCompiled(process.env);
const { main } = await import('./main.ts');
await main(process.argv, process.env);
