//! The world of `guest-sdk/wit`, as Rust, and that of the JavaScript engine. Nothing but the macros.

wasmtime::component::bindgen!({
    path: "wit",
    world: "custom-phone-provider",
    imports: {
        "phonebox:action/http.send": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});

pub(crate) mod javascript {
    wasmtime::component::bindgen!({
        path: ["wit", "wit-javascript"],
        world: "phonebox:javascript/javascript",
        imports: {
            "phonebox:javascript/engine.wait": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "phonebox:action/cache": super::phonebox::action::cache,
            "phonebox:action/http": super::phonebox::action::http,
            "phonebox:action/log": super::phonebox::action::log,
            "phonebox:action/secrets": super::phonebox::action::secrets,
            "phonebox:action/types": super::phonebox::action::types,
        },
    });
}
