//! The documented cases of `.dockerignore`, and the corners in which moby/patternmatcher decides otherwise than one
//! might think.

use super::{BadPattern, Matched, Matcher, clean, escape, has_wildcard, unescape};

/// Whether `patterns` match `path`, asked as a walk asks: from the top down.
fn matches(patterns: &[&str], path: &str) -> bool {
    let matcher = Matcher::new(patterns.iter().copied()).expect("the patterns of this table are valid");
    let mut matched = Matched::default();
    let mut result = false;
    for end in path.match_indices('/').map(|(index, _)| index).chain([path.len()]) {
        (result, matched) = matcher.matches(&path[..end], &matched);
    }
    result
}

#[test]
fn one_pattern() {
    for (pattern, yes, no) in [
        // Plain names, cleaned.
        ("docs", &["docs", "docs/guide.md", "docs/de/guide.md"][..], &["doc", "docs2", "a/docs", "Docs"][..]),
        ("docs/", &["docs", "docs/guide.md"], &["a/docs"]),
        ("./docs/../src//main.rs", &["src/main.rs"], &["docs", "src", "main.rs"]),
        ("  docs \t", &["docs/guide.md"], &[" docs"]),
        // A leading slash is the frontend's to remove: as a pattern it matches nothing.
        ("/docs", &[], &["docs", "docs/guide.md"]),
        // `*` and `?` stay within a name.
        ("*", &["a", ".hidden", "a/b"], &[]),
        ("*.md", &["a.md", ".md", "a.md/below"], &["a.mdx", "docs/a.md", "amd"]),
        ("*/temp*", &["a/temp", "a/temporary.txt", "a/temp/b"], &["temp", "a/b/temp"]),
        ("*/*/temp*", &["a/b/temporary"], &["a/temporary", "a/b/c/temp"]),
        ("temp?", &["tempa", "temp1", "temp☺"], &["temp", "tempab", "temp/a"]),
        ("a*b*c", &["abc", "axbyc", "abbcc"], &["ab", "a/bc"]),
        // `**` crosses names: none or several.
        ("**", &["a", "a/b/c"], &[]),
        ("**/", &["a", "a/b"], &[]),
        ("**/**", &["a", "a/b/c"], &[]),
        ("**/*.go", &["a.go", "a/b.go", "a/b/c.go"], &["a.gox", "ago"]),
        ("**/x", &["x", "a/x", "a/b/x/c"], &["ax", "xa", "a/bx"]),
        ("**x", &["x", "ax", "a/bx"], &["xa"]),
        ("**/.x", &[".x", "a/.x"], &["a.x", "a/b.x"]),
        ("a/**", &["a/b", "a/b/c"], &["a", "ab", "b/a"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b/z"], &["b", "a/xb", "ab"]),
        ("a**/b.txt", &["a/b.txt", "a/x/y/b.txt", "aa/b.txt"], &["b.txt", "x/a/b.txt"]),
        ("a**", &["a", "ab", "a/b"], &["ba"]),
        ("**/a/**/b*", &["a/b", "x/a/y/bz"], &["b", "x/b"]),
        ("a/*.txt**", &["a/b.txt", "a/b.txt2", "a/b.txt/c"], &["a/b.tx", "b.txt"]),
        // Classes.
        ("a[b-d]e", &["abe", "ace", "ade"], &["ae", "aae", "abce"]),
        ("a[^b-d]e", &["aae", "aze", "a☺e"], &["abe", "ae"]),
        ("[a-ζ]", &["a", "α"], &["A"]),
        (r"[\]\-x]", &["]", "-", "x"], &["a", r"\"]),
        ("[&&a]", &["&", "a"], &["b"]),
        ("[a~~b]", &["~", "a", "b"], &["c"]),
        ("[*?.]x", &["*x", "?x", ".x"], &["ax"]),
        ("a]b", &["a]b"], &["ab"]),
        // Characters that mean something to a regular expression only.
        ("a.b", &["a.b"], &["axb", "ab"]),
        ("a.b*", &["a.bc"], &["axbc"]),
        ("a.|)$(}+{bc", &["a.|)$(}+{bc"], &["a"]),
        ("(a|b)+*", &["(a|b)+c"], &["ab", "a"]),
        ("*-1.0+build-py3.whl", &["x-1.0+build-py3.whl"], &["x-100build-py3.whl"]),
        ("a^b", &["a^b"], &["ab"]),
        ("^a*", &["ab"], &["^ab"]),
        ("#a&~-*", &["#a&~-", "#a&~-b"], &["a"]),
        // Escapes.
        (r"a\*b", &["a*b"], &["ab", "axb", r"a\*b"]),
        (r"a\\", &[r"a\"], &["a", r"a\\"]),
        (r"\[a\]", &["[a]"], &["a"]),
        (r"\!a", &["!a"], &["a"]),
        (r"a\d", &["a1"], &["ad"]),
        // Not only ASCII.
        ("ü/*", &["ü/ö"], &["u/o"]),
    ] {
        for path in yes {
            assert!(matches(&[pattern], path), "`{pattern}` should match `{path}`");
        }
        for path in no {
            assert!(!matches(&[pattern], path), "`{pattern}` should not match `{path}`");
        }
    }
}

/// The cases by which moby/patternmatcher itself is tested (patternmatcher_test.go). A path with a slash at its end, which
/// no walk has, is left out.
#[test]
fn the_cases_of_moby() {
    for (pattern, path, expected) in [
        ("*", "fileutils.go", true),
        ("*.go", "fileutils.go", true),
        ("*.go", ".", false),
        ("**", "file", true),
        ("**/", "file", true),
        ("**", "dir/file", true),
        ("**/", "dir/file", true),
        ("**/**", "dir/file", true),
        ("dir/**", "dir/file", true),
        ("dir/**", "dir/dir2/file", true),
        ("**/dir", "dir", true),
        ("**/dir", "dir/file", true),
        ("**/dir2/*", "dir/dir2/file", true),
        ("**/dir2/**", "dir/dir2/dir3/file", true),
        ("**file", "file", true),
        ("**file", "dir/file", true),
        ("**/file", "dir/file", true),
        ("**file", "dir/dir/file", true),
        ("**/file", "dir/dir/file", true),
        ("**/file*", "dir/dir/file", true),
        ("**/file*", "dir/dir/file.txt", true),
        ("**/file*txt", "dir/dir/file.txt", true),
        ("**/file*.txt", "dir/dir/file.txt", true),
        ("**/file*.txt*", "dir/dir/file.txt", true),
        ("**/**/*.txt", "dir/dir/file.txt", true),
        ("**/**/*.txt2", "dir/dir/file.txt", false),
        ("**/*.txt", "file.txt", true),
        ("**/**/*.txt", "file.txt", true),
        ("a**/*.txt", "a/file.txt", true),
        ("a**/*.txt", "a/dir/file.txt", true),
        ("a**/*.txt", "a/dir/dir/file.txt", true),
        ("a/*.txt", "a/dir/file.txt", false),
        ("a/*.txt", "a/file.txt", true),
        ("a/*.txt**", "a/file.txt", true),
        ("a[b-d]e", "ae", false),
        ("a[b-d]e", "ace", true),
        ("a[b-d]e", "aae", false),
        ("a[^b-d]e", "aze", true),
        (".*", ".foo", true),
        (".*", "foo", false),
        ("abc.def", "abcdef", false),
        ("abc.def", "abc.def", true),
        ("abc.def", "abcZdef", false),
        ("abc?def", "abcZdef", true),
        ("abc?def", "abcdef", false),
        ("**/foo/bar", "foo/bar", true),
        ("**/foo/bar", "dir/foo/bar", true),
        ("**/foo/bar", "dir/dir2/foo/bar", true),
        ("abc/**", "abc", false),
        ("abc/**", "abc/def", true),
        ("abc/**", "abc/def/ghi", true),
        ("**/.foo", ".foo", true),
        ("**/.foo", "bar.foo", false),
        ("a(b)c/def", "a(b)c/def", true),
        ("a(b)c/def", "a(b)c/xyz", false),
        ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
        ("dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", true),
        (r"a\\", r"a\", true),
        (r"a\*b", "a*b", true),
    ] {
        assert_eq!(matches(&[pattern], path), expected, "`{pattern}` and `{path}`");
    }
}

/// Those that it has from Go's filepath.Match.
#[test]
fn the_cases_of_go() {
    for (pattern, path, expected) in [
        ("abc", "abc", true),
        ("*c", "abc", true),
        ("a*", "a", true),
        ("a*", "ab/c", true),
        ("a*/b", "abc/b", true),
        ("a*/b", "a/c/b", false),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
        ("a*b?c*x", "abxbbxdbxebxczzx", true),
        ("a*b?c*x", "abxbbxdbxebxczzy", false),
        ("ab[c]", "abc", true),
        ("ab[e-g]", "abc", false),
        ("ab[^c]", "abc", false),
        ("ab[^b-d]", "abc", false),
        ("ab[^e-g]", "abc", true),
        (r"a\*b", "ab", false),
        ("a?b", "a☺b", true),
        ("a[^a]b", "a☺b", true),
        ("a???b", "a☺b", false),
        ("a[^a][^a][^a]b", "a☺b", false),
        ("[a-ζ]*", "α", true),
        ("*[a-ζ]", "A", false),
        ("a?b", "a/b", false),
        ("a*b", "a/b", false),
        (r"[\]a]", "]", true),
        (r"[\-]", "-", true),
        (r"[x\-]", "x", true),
        (r"[x\-]", "z", false),
        (r"[\-x]", "-", true),
        (r"[\-x]", "a", false),
        ("*x", "xxx", true),
    ] {
        assert_eq!(matches(&[pattern], path), expected, "`{pattern}` and `{path}`");
    }
}

#[test]
fn the_lists_of_moby() {
    let wheel = "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl";
    for (patterns, path, expected) in [
        (&["!fileutils.go", "*.go"][..], "fileutils.go", true),
        (&["*.go", "!fileutils.go"], "fileutils.go", false),
        (&["docs", "!docs/README.md"], "docs/README.md", false),
        (&["docs/", "!docs/README.md"], "docs/README.md", false),
        (&["docs/*", "!docs/README.md"], "docs/README.md", false),
        (&["docs", "  !docs/README.md  "], "docs/README.md", false),
        (&["**", "!util/docker/web"], "util/docker/web/foo", false),
        (&["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", true),
        (&["**", &format!("!{wheel}")], wheel, false),
        (&["**", "!dist/*.whl"], wheel, false),
        (&[], "any/path/there", false),
    ] {
        assert_eq!(matches(patterns, path), expected, "{patterns:?} and `{path}`");
    }
}

#[test]
fn the_last_pattern_that_matches_decides() {
    for (patterns, path, excluded) in [
        (&["*.md", "!README.md"][..], "README.md", false),
        (&["*.md", "!README.md"], "CHANGES.md", true),
        (&["!README.md", "*.md"], "README.md", true),
        (&["*.md", "!README*.md", "README-secret.md"], "README-secret.md", true),
        (&["*.md", "!README*.md", "README-secret.md"], "README-public.md", false),
        (&["*.md", "README-secret.md", "!README*.md"], "README-secret.md", false),
        (&["docs", "!docs/README.md"], "docs/README.md", false),
        (&["docs/", "!docs/README.md"], "docs/README.md", false),
        (&["docs/*", "!docs/README.md"], "docs/README.md", false),
        (&["docs", "!docs/README.md"], "docs/other.md", true),
        (&["**", "!util/web"], "util/web", false),
        (&["**", "!util/web"], "util/web/a/b", false),
        (&["**", "!util/web", "util/web/a"], "util/web/a", true),
        (&["**", "!util/web"], "util", true),
        (&["**", "!dist/*.whl"], "dist/x-1.0+g0-py3.whl", false),
        (&["*", "!src", "src/**/gen", "!src/lib/gen/keep"], "src/lib/main.rs", false),
        (&["*", "!src", "src/**/gen", "!src/lib/gen/keep"], "src/lib/gen/drop", true),
        (&["*", "!src", "src/**/gen", "!src/lib/gen/keep"], "src/lib/gen/keep/a", false),
        (&["", "  ", "a"], "a", true),
        (&[], "a", false),
        (&["!a"], "a", false),
    ] {
        assert_eq!(matches(patterns, path), excluded, "{patterns:?} {path}");
    }
}

#[test]
fn bad_patterns_are_refused() {
    for pattern in [
        "!", "[", "a[", "[^", "[^bc", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "\\", "a\\", "!a[", "[\\",
        "[z-a]", r"\y",
    ] {
        assert!(Matcher::new([pattern]).is_err(), "{pattern}");
    }
    let BadPattern { pattern, reason } = Matcher::new(["ok", " !a[x "]).expect_err("the class is not closed");
    assert_eq!((pattern.as_str(), reason.as_str()), ("!a[x", "`[` is not closed"));
}

#[test]
fn literal_heads() {
    for (pattern, head) in [
        ("a/b", ("a/b", true)),
        ("a/b/**", ("a/b", true)),
        ("a/b/*", ("a/b", true)),
        ("a/b*/c", ("a", false)),
        ("a*", ("", false)),
        ("**/a", ("", false)),
        ("!a/b/[c]", ("a/b", false)),
    ] {
        let matcher = Matcher::new([pattern]).expect("the patterns of this table are valid");
        assert_eq!(matcher.patterns()[0].literal_head(), head, "{pattern}");
    }
}

#[test]
fn names_and_paths() {
    for (path, cleaned) in [
        ("", "."),
        (".", "."),
        ("/", "/"),
        ("a//b/./c/..", "a/b"),
        ("../a/../..", "../.."),
        ("/../a", "/a"),
        ("a/..", "."),
    ] {
        assert_eq!(clean(path), cleaned, "{path}");
    }
    for name in ["plain", "a*b", "[x]?", r"back\slash", "!bang", "^"] {
        assert!(!has_wildcard(&escape(name)), "{name}");
        assert_eq!(unescape(&escape(name)), name);
        assert!(matches(&[&escape(name)], name), "{name}");
    }
    assert!(has_wildcard("a[b]") && has_wildcard(r"\**") && !has_wildcard(r"\*"));
}
