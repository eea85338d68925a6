// A plugin of typedoc: the title of a guide is its first heading, not the name of its file.

export function load(app) {
  app.converter.on('createDocument', (_context, guide) => {
    const [first] = guide.content;
    const heading = /^\s*# (.+)\n+/.exec(first.text);
    if (heading === null) return;
    guide.name = heading[1];
    first.text = first.text.slice(heading[0].length);
  });
}
