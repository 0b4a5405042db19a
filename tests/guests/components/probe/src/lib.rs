//! The world without any SDK: what `wit-bindgen` makes of it.

pub mod world {
    wit_bindgen::generate!({
        path: "../../../../guest-sdk/wit",
        world: "custom-phone-provider",
        pub_export_macro: true,
        default_bindings_module: "probe_guests::world",
    });
}
