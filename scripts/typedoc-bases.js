// A plugin for typedoc. A class may extend classes that are not exported, each with a part of its methods. These are no
// part of the public interface, so the page of the class documents their members as its own.
//   npm run docs
const CLASS = 128; // ReflectionKind.Class
const INHERITED = 1024; // ReflectionFlag.Inherited

/** Returns the first base class that is exported or foreign, if there is one, and the names of those below it. */
function bases(context, reflection) {
  const hidden = new Set();
  let type = context.checker.getDeclaredTypeOfSymbol(context.getSymbolFromReflection(reflection));
  for (;;) {
    [type] = context.checker.getBaseTypes(type);
    if (type === undefined) return { hidden };
    const { symbol } = type;
    const isForeign = symbol.declarations.some((one) => one.getSourceFile().isDeclarationFile);
    if (isForeign || context.getReflectionFromSymbol(symbol) !== undefined) return { hidden, base: type };
    hidden.add(symbol.name);
    type = context.checker.getDeclaredTypeOfSymbol(symbol);
  }
}

/** Replaces the references of a member to a hidden class by one to the base class, if that has such a member. */
function adopt(member, { hidden, base }, project) {
  const old = member.inheritedFrom ?? member.overwrites;
  if (old === undefined || !hidden.has(/^\w+/.exec(old.name)[0])) return;
  member.setFlag(INHERITED, false);
  delete member.inheritedFrom;
  delete member.overwrites;
  const { name } = member.parent.kind === CLASS ? member : member.parent;
  if (base === undefined || (name !== 'constructor' && base.getProperty(name) === undefined)) return;
  member.overwrites = old.constructor.createBrokenReference(`${base.symbol.name}.${name}`, project, '@types/node');
}

export function load(app) {
  app.converter.on('resolveBegin', (context) => {
    const { project } = context;
    for (const program of context.programs) {
      context.setActiveProgram(program);
      for (const one of Object.values(project.reflections)) {
        if (one.kind !== CLASS || one.extendedTypes === undefined) continue;
        const found = bases(context, one);
        if (found.hidden.size === 0) continue;
        if (found.base === undefined) delete one.extendedTypes;
        else one.extendedTypes = [context.converter.convertType(context, found.base)];
        for (const child of one.children) {
          for (const member of [child, child.getSignature, ...(child.signatures ?? [])]) {
            if (member !== undefined) adopt(member, found, project);
          }
        }
      }
      context.setActiveProgram(undefined);
    }
  });
}
