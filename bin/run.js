#!/usr/bin/env node
// `run` + `handle`, not `execute`: that one loses output to a slow pipe.
import { flush, handle, run } from '@oclif/core';

try {
  await run(process.argv.slice(2), import.meta.url);
  await flush();
} catch (error) {
  await handle(error);
}
