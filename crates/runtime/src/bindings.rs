//! The world of `guest-sdk/wit`, as Rust. Nothing but the macro.

wasmtime::component::bindgen!({
    path: "wit",
    world: "custom-phone-provider",
    imports: {
        "phonebox:action/http.send": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
