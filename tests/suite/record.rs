//! Records of runs: the documented JSON, the page, the Markdown.

use std::collections::BTreeSet;

use cachelang::record::{RunRecord, html, markdown};
use expect_test::expect;
use serde_json::Value;

/// A record with every key, and names that try to be HTML, Markdown or commands.
const EVERYTHING: &str = include_str!("record/everything.json");

fn everything() -> RunRecord {
    serde_json::from_str(EVERYTHING).expect("the record has the documented form")
}

#[test]
fn a_record_that_was_read_is_written_as_it_was() {
    let again = serde_json::to_value(everything()).expect("a record can be written");
    assert_eq!(again, serde_json::from_str::<Value>(EVERYTHING).expect("it is JSON"));
}

#[test]
fn no_name_becomes_html() {
    let page = html::page(&everything());
    let tags: BTreeSet<_> =
        page.split('<').skip(1).filter_map(|tag| tag.split([' ', '>', '\n']).next()).collect();
    for tag in &tags {
        assert!(!["script", "/script", "img", "link", "iframe"].contains(tag), "<{tag} in the page");
    }
    assert!(page.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"));
    assert!(!page.contains('\u{202e}'), "nothing turns the text around");
    assert!(
        !page.contains("http:") && !page.contains("https:") && !page.contains("url("),
        "nothing is loaded"
    );
}

#[test]
fn the_summary_is_markdown_and_nothing_else() {
    expect![[r###"
        ## cachelang: deploy/.cachefile failed in 31.4 s

        > **error:** image \`worker\["cron"\]\` was not built: \`\[2/3\] RUN echo &lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;; exit 3\` failed: exit code: 3 and &lt;b&gt;more&lt;/b&gt;
        >
        > help: see the lines above

            ::error::injected
            </script><img src=x onerror=alert(1)>
            $(rm -rf /)
            \u{202e}evil

        | image | cached | build | saved | push | sent | digest |
        |---|--:|--:|--:|--:|--:|---|
        | lambda | 2 of 3 | 9.1 s | 41.2 s | 4.1 s | 46.00 MiB | sha256:5bf32990ab9295b552af08d8dadda3fb8d323551bee18661f67935d2e45d56fa |
        | worker\["api"\] | 0 of 2 | 3.0 s | – | 0.9 s | 1.00 MiB | sha256:aa00000000000000000000000000000000000000000000000000000000000000 |

        | wave | ended | time |
        |---|---|--:|
        | build | done | 14.2 s |
        | deploy | failed | 16.6 s |
        | cleanup | skipped: its \`when\` does not hold | – |

        | what took longest | image | time |
        |---|---|--:|
        | \[2/3\] RUN echo &lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;; exit 3 | worker\["cron"\] | 14.0 s |
        | \[stage 2/2\] RUN sleep 60 | worker\["cron"\] | 14.0 s |
        | \[4/4\] RUN make ARG=&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; | lambda | 7.6 s |
        | ./deploy.sh &amp;&amp; \\ | – | 6.3 s |
        | aws lambda update-function-code --image-uri lambda.ref | – | 6.2 s |

        93.00 MiB sent to registries, 41.2 s saved by caches
    "###]].assert_eq(&markdown::summary(&everything()));
}
