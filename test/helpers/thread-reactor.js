// Preloaded by tests: makes Node use the reactor of Bun and Deno.
Object.defineProperty(process, 'versions', { value: Object.freeze({ ...process.versions, deno: '0' }) });
