//! The tree-sitter grammar of `.cachefile`.

use tree_sitter_language::LanguageFn;

unsafe extern "C" {
    fn tree_sitter_cachefile() -> *const ();
}

/// The language, for `tree_sitter::Parser::set_language`.
// SAFETY: the function is the one that tree-sitter generated; it returns a static table.
pub const LANGUAGE: LanguageFn = unsafe { LanguageFn::from_raw(tree_sitter_cachefile) };

/// Which nodes get which colour.
pub const HIGHLIGHTS_QUERY: &str = include_str!("../../queries/highlights.scm");
/// Scripts and Dockerfiles inside strings.
pub const INJECTIONS_QUERY: &str = include_str!("../../queries/injections.scm");
/// Where names are declared and used.
pub const LOCALS_QUERY: &str = include_str!("../../queries/locals.scm");
