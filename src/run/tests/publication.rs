//! Tags that cannot move, and promotions.

use super::*;

const IMMUTABLE: &str = r#"cachelang 1
param commit: string = "c1"
registry main {
  kind = "oci"
  host = "r.io"
}
registry other {
  kind = "oci"
  host = "o.io"
}
repository app {
  registry = main
  immutable = true
  mutable_tags = ["*-latest", "cache-*", "live"]
}
repository prod { registry = other }
image api {
  tags = [app:"api-latest", app:"api-${commit}"]
}
image cron {
  tags = [app:"cron-${commit}", app:"cron-latest"]
}
wave build { push api, cron }
wave release { promote api to app:"live", prod:"v-${commit}", prod:"live" }
"#;

fn existing(tag: &'static str, image: &'static str) -> Script {
    Script { existing: IndexMap::from([(tag, image)]), ..Script::default() }
}

#[tokio::test]
async fn promotions_copy_where_the_image_is_not_and_move_tags_last() {
    check_file(
        IMMUTABLE,
        Script::default(),
        expect![[r#"
            engine
            prepare main app
            prepare other prod
            build r.io/app:api-c1 r.io/app:api-latest
            build r.io/app:cron-c1 r.io/app:cron-latest
            push r.io/app:api-c1
            push r.io/app:cron-c1
            push r.io/app:api-latest
            push r.io/app:cron-latest
            copy app@sha256:api prod
            tag prod:v-c1 sha256:api
            tag app:live sha256:api
            tag prod:live sha256:api
            done"#]],
    )
    .await;
}

#[tokio::test]
async fn a_failed_copy_moves_no_tag() {
    let script = failing("copy");
    check_file(
        IMMUTABLE,
        script,
        expect![[r#"
        engine
        prepare main app
        prepare other prod
        build r.io/app:api-c1 r.io/app:api-latest
        build r.io/app:cron-c1 r.io/app:cron-latest
        push r.io/app:api-c1
        push r.io/app:cron-c1
        push r.io/app:api-latest
        push r.io/app:cron-latest
        copy app@sha256:api prod
        failed: image `api` was not promoted to `o.io/prod`: copying failed (no)"#]],
    )
    .await;
}

#[tokio::test]
async fn a_promotion_that_fails_to_tag_moves_no_tag() {
    let script = failing("tag prod:v-c1");
    check_file(
        IMMUTABLE,
        script,
        expect![[r#"
        engine
        prepare main app
        prepare other prod
        build r.io/app:api-c1 r.io/app:api-latest
        build r.io/app:cron-c1 r.io/app:cron-latest
        push r.io/app:api-c1
        push r.io/app:cron-c1
        push r.io/app:api-latest
        push r.io/app:cron-latest
        copy app@sha256:api prod
        tag prod:v-c1 sha256:api
        failed: image `api` was not promoted to `o.io/prod:v-c1`: tagging failed (no)"#]],
    )
    .await;
}

#[tokio::test]
async fn a_fixed_tag_of_another_image_lets_nothing_of_the_step_be_pushed() {
    check_file(IMMUTABLE, existing("app:cron-c1", "someone-else"), expect![[r#"
        engine
        prepare main app
        prepare other prod
        build r.io/app:api-c1 r.io/app:api-latest
        build r.io/app:cron-c1 r.io/app:cron-latest
        failed: image `cron` cannot be tagged `r.io/app:cron-c1`: that is another image, sha256:someone-else, and its repository is immutable"#]]).await;
}

#[tokio::test]
async fn a_fixed_tag_of_the_same_image_is_not_pushed_again() {
    check_file(
        IMMUTABLE,
        existing("app:api-c1", "api"),
        expect![[r#"
            engine
            prepare main app
            prepare other prod
            build r.io/app:api-c1 r.io/app:api-latest
            build r.io/app:cron-c1 r.io/app:cron-latest
            push r.io/app:cron-c1
            push r.io/app:api-latest
            push r.io/app:cron-latest
            copy app@sha256:api prod
            tag prod:v-c1 sha256:api
            tag app:live sha256:api
            tag prod:live sha256:api
            done"#]],
    )
    .await;
}
