//! Computes which files of a crate use which, from `mod` declarations, imports and paths.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, UseTree, Visibility};

/// The segments of a path in the source, or of the path of a module below the crate.
type Segments = Vec<String>;

/// For each file the files that it uses, and the names that it uses of them.
pub type Edges = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Imports may refer to imports; a chain longer than this is a cycle of imports.
const LONGEST_CHAIN: usize = 32;

enum Name {
    Item,
    Module,
    Import(Segments),
}

/// The definition that a path resolves to.
enum Target {
    Module(Segments),
    Item { file: String, name: String },
}

#[derive(Default)]
struct Module {
    file: String,
    names: BTreeMap<String, Name>,
    globs: Vec<Segments>,
    /// Every path in the module's code, and its private imports. A re-export is not a use by the module.
    used: Vec<Segments>,
}

/// All modules of a crate except test modules.
#[derive(Default)]
pub struct Crate {
    modules: BTreeMap<Segments, Module>,
}

impl Crate {
    /// Reads the crate whose root is `lib.rs` in this folder.
    pub fn read(folder: &Path) -> Crate {
        let mut read = Crate::default();
        read.file(folder, "lib.rs", "", &[]);
        read
    }

    /// Reads `file`, which holds `module`, and the files of the modules that it declares, which are in `children`.
    fn file(&mut self, folder: &Path, file: &str, children: &str, module: &[String]) {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.items(folder, file, children, module, &parsed.items);
    }

    fn items(&mut self, folder: &Path, file: &str, children: &str, module: &[String], items: &[Item]) {
        let mut read = Module { file: file.to_owned(), ..Module::default() };
        for item in items {
            let (attributes, name) = described(item);
            if is_for_tests(attributes) {
                continue;
            }
            match item {
                Item::Mod(declared) => {
                    let name = declared.ident.to_string();
                    let child = [module, std::slice::from_ref(&name)].concat();
                    let folder_of_child = format!("{children}{name}/");
                    match &declared.content {
                        Some((_, items)) => self.items(folder, file, &folder_of_child, &child, items),
                        None => {
                            let own = format!("{children}{name}.rs");
                            let nested = format!("{folder_of_child}mod.rs");
                            let file = if folder.join(&own).exists() { own } else { nested };
                            self.file(folder, &file, &folder_of_child, &child);
                        }
                    }
                    read.names.insert(name, Name::Module);
                }
                Item::Use(import) => {
                    let private = matches!(import.vis, Visibility::Inherited);
                    read.import(&mut Vec::new(), &import.tree, private);
                }
                _ => {
                    read.names.extend(name.map(|name| (name, Name::Item)));
                    read.visit_item(item);
                }
            }
        }
        self.modules.insert(module.to_vec(), read);
    }

    /// The files that use each other, and the names that they use.
    pub fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (path, module) in &self.modules {
            for used in &module.used {
                match self.resolve(path, used, 0) {
                    Some(Target::Item { file, name }) if file != module.file => {
                        edges.entry(module.file.clone()).or_default().entry(file).or_default().insert(name);
                    }
                    _ => {}
                }
            }
        }
        edges
    }

    /// Resolves a path in `module` through imports and re-exports to the file that defines the name; `None` if that is
    /// outside the crate.
    fn resolve(&self, module: &[String], path: &[String], chain: usize) -> Option<Target> {
        let mut module = module.to_vec();
        for (index, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" if index == 0 => module.clear(),
                "self" => {}
                "super" => drop(module.pop()?),
                name => match self.resolve_name(&module, name, chain) {
                    Some(Target::Module(found)) => module = found,
                    // The module belongs to the crate, so a macro defines the name.
                    None if index > 0 => {
                        let file = self.modules.get(&module)?.file.clone();
                        return Some(Target::Item { file, name: name.to_owned() });
                    }
                    outside_or_item => return outside_or_item,
                },
            }
        }
        Some(Target::Module(module))
    }

    fn resolve_name(&self, path: &[String], name: &str, chain: usize) -> Option<Target> {
        if chain > LONGEST_CHAIN {
            return None;
        }
        let module = self.modules.get(path)?;
        match module.names.get(name) {
            Some(Name::Item) => Some(Target::Item { file: module.file.clone(), name: name.to_owned() }),
            Some(Name::Module) => Some(Target::Module([path, &[name.to_owned()]].concat())),
            Some(Name::Import(import)) => self.resolve(path, import, chain + 1),
            None => module.globs.iter().find_map(|glob| match self.resolve(path, glob, chain + 1)? {
                Target::Module(found) if found != path => self.resolve_name(&found, name, chain + 1),
                _ => None,
            }),
        }
    }
}

impl Module {
    fn import(&mut self, parents: &mut Segments, tree: &UseTree, private: bool) {
        match tree {
            UseTree::Path(path) => {
                parents.push(path.ident.to_string());
                self.import(parents, &path.tree, private);
                parents.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(parents, tree, private)),
            UseTree::Glob(_) => self.globs.push(parents.clone()),
            UseTree::Name(name) => self.bind(parents, &name.ident.to_string(), None, private),
            UseTree::Rename(name) => {
                self.bind(parents, &name.ident.to_string(), Some(name.rename.to_string()), private)
            }
        }
    }

    fn bind(&mut self, parents: &[String], name: &str, rename: Option<String>, private: bool) {
        // `use self::log` binds a child, or an import of an external crate, to the name that it already has.
        let mut path = parents.to_vec();
        if name != "self" {
            path.push(name.to_owned());
        }
        let bound = rename.or_else(|| path.last().cloned()).unwrap_or_default();
        if private {
            self.used.push(path.clone());
        }
        self.names.entry(bound).or_insert(Name::Import(path));
    }

    /// The arguments of a macro need not be Rust: everything that looks like a path counts as one.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Segments::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.used.push(std::mem::take(&mut path));
                    }
                    path.push(word.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => self.tokens(group.stream()),
                _ => colons = 0,
            }
        }
        self.used.push(path);
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.used.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        self.visit_path(&invoked.path);
        self.tokens(invoked.tokens.clone());
    }

    /// An import inside a function.
    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        self.import(&mut Vec::new(), &import.tree, true);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !matches!(item, ImplItem::Fn(method) if is_for_tests(&method.attrs)) {
            visit::visit_impl_item(self, item);
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// An item's attributes, and the name that it defines in its module.
fn described(item: &Item) -> (&[Attribute], Option<String>) {
    let (attributes, name) = match item {
        Item::Const(item) => (&item.attrs, &item.ident),
        Item::Enum(item) => (&item.attrs, &item.ident),
        Item::Fn(item) => (&item.attrs, &item.sig.ident),
        Item::Mod(item) => (&item.attrs, &item.ident),
        Item::Static(item) => (&item.attrs, &item.ident),
        Item::Struct(item) => (&item.attrs, &item.ident),
        Item::Trait(item) => (&item.attrs, &item.ident),
        Item::Type(item) => (&item.attrs, &item.ident),
        Item::Union(item) => (&item.attrs, &item.ident),
        Item::Macro(item) => return (&item.attrs, item.ident.as_ref().map(ToString::to_string)),
        Item::Impl(item) => return (&item.attrs, None),
        Item::Use(item) => return (&item.attrs, None),
        _ => return (&[], None),
    };
    (attributes, Some(name.to_string()))
}
