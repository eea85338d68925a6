// A plugin for typedoc. The type of names that are the keys of a table has the tag @useDeclaredType: its page lists the
// names, where typedoc alone would only refer to the page itself.
//   npm run docs
const ALIAS = 2097152; // ReflectionKind.TypeAlias

export function load(app) {
  app.converter.on('resolveBegin', (context) => {
    for (const program of context.programs) {
      context.setActiveProgram(program);
      for (const one of Object.values(context.project.reflections)) {
        if (one.kind !== ALIAS || one.type.type !== 'reference' || one.type.name !== one.name) continue;
        const type = context.checker.getDeclaredTypeOfSymbol(context.getSymbolFromReflection(one));
        const { aliasSymbol } = type;
        type.aliasSymbol = undefined; // so that its members are converted, not its name
        one.type = context.converter.convertType(context, type);
        type.aliasSymbol = aliasSymbol;
      }
      context.setActiveProgram(undefined);
    }
  });
}
