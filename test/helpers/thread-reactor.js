// Preloaded by tests: Node takes the reactor that Bun and Deno have.
Object.defineProperty(process, 'versions', { value: Object.freeze({ ...process.versions, deno: '0' }) });
