//! The attribute macro of `phonebox-sdk`, which re-exports it and documents it by example.
//!
//! It is glue and nothing else: the function stays as it was written, so that a unit test can
//! call it, and on WebAssembly it also becomes the component's `deliver`. What the macro cannot
//! make sense of is refused with the mend; types are left to the compiler.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Error, FnArg, ItemFn, ReturnType};

/// Makes a function the action's handler of Auth0's `custom-phone-provider` trigger.
///
/// The function takes an `Event` and returns `phonebox_sdk::Result<Outcome>`. There is one in a
/// crate, and it is not `async`: `send()` waits for the provider, and waiting costs nothing.
#[proc_macro_attribute]
pub fn custom_phone_provider(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(&arguments.into(), item.into())
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

fn expand(arguments: &Tokens, item: Tokens) -> Result<Tokens, Error> {
    if !arguments.is_empty() {
        return Err(Error::new(
            arguments.span(),
            "`#[custom_phone_provider]` takes no arguments",
        ));
    }
    let function = syn::parse2::<ItemFn>(item).map_err(|error| {
        Error::new(
            error.span(),
            "`#[custom_phone_provider]` goes on a function: \
             `fn deliver(event: Event) -> Result<Outcome> { .. }`",
        )
    })?;
    check(&function)?;

    let name = &function.sig.ident;
    // The span makes the compiler point at the author's signature when its types do not fit.
    let handler = quote_spanned!(function.sig.span()=> #name);
    Ok(quote! {
        // The host hands the event over; what the handler does with it is the author's affair.
        #[allow(clippy::needless_pass_by_value)]
        #function

        // Also keeps the function alive where nothing is exported.
        const _: ::phonebox_sdk::__internal::Handler = #handler;

        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Action;

            impl ::phonebox_sdk::__internal::bindings::Guest for Action {
                fn deliver(
                    event: ::phonebox_sdk::__internal::bindings::Event,
                ) -> ::core::result::Result<
                    ::phonebox_sdk::__internal::bindings::Outcome,
                    ::std::string::String,
                > {
                    ::phonebox_sdk::__internal::deliver(#name, event)
                }
            }

            ::phonebox_sdk::__internal::bindings::export!(Action);
        };
    })
}

fn check(function: &ItemFn) -> Result<(), Error> {
    let signature = &function.sig;
    if let Some(asyncness) = &signature.asyncness {
        return Err(Error::new(
            asyncness.span(),
            "a handler is an ordinary function: remove `async`, and every `.await` in the body; \
             `send()` waits for the answer by itself",
        ));
    }
    let one_by_value = matches!(
        signature.inputs.iter().collect::<Vec<_>>().as_slice(),
        [FnArg::Typed(_)]
    );
    if !one_by_value {
        return Err(Error::new(
            signature.paren_token.span.join(),
            "a handler takes the event and nothing else: `fn deliver(event: Event)`; \
             secrets come from `phonebox_sdk::secrets::get`",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a handler cannot be generic: the host calls it with an `Event`",
        ));
    }
    if matches!(signature.output, ReturnType::Default) {
        return Err(Error::new(
            signature.ident.span(),
            "a handler says what became of the message: add `-> Result<Outcome>` and end with \
             `Ok(Outcome::sent())`",
        ));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new(
            abi.span(),
            "a handler is an ordinary function: remove `extern`, the macro exports it",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(item: Tokens) -> String {
        expand(&Tokens::new(), item)
            .expect_err("the macro accepted it")
            .to_string()
    }

    #[test]
    fn a_plain_function_stays_as_it_was_written() {
        let item = quote! { fn deliver(event: Event) -> Result<Outcome> { Ok(Outcome::sent()) } };
        let expanded = expand(&Tokens::new(), item.clone()).unwrap().to_string();
        assert!(expanded.contains(&item.to_string()), "{expanded}");
        assert!(expanded.contains("export ! (Action)"), "{expanded}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_mend() {
        for (item, mend) in [
            (
                quote! { async fn deliver(event: Event) -> Result<Outcome> {} },
                "remove `async`, and every `.await`",
            ),
            (
                quote! { fn deliver() -> Result<Outcome> {} },
                "`fn deliver(event: Event)`",
            ),
            (
                quote! { fn deliver(event: Event, api: Api) -> Result<Outcome> {} },
                "secrets come from `phonebox_sdk::secrets::get`",
            ),
            (
                quote! { fn deliver(self) -> Result<Outcome> {} },
                "`fn deliver(event: Event)`",
            ),
            (
                quote! { fn deliver<T>(event: T) -> Result<Outcome> {} },
                "cannot be generic",
            ),
            (
                quote! { fn deliver(event: Event) {} },
                "add `-> Result<Outcome>`",
            ),
            (
                quote! { extern "C" fn deliver(event: Event) -> Result<Outcome> {} },
                "remove `extern`",
            ),
            (quote! { struct Deliver; }, "goes on a function"),
        ] {
            let shown = item.to_string();
            let message = refusal(item);
            assert!(
                message.contains(mend),
                "for `{shown}` the macro said: {message}"
            );
        }
    }

    #[test]
    fn arguments_are_refused() {
        let item = quote! { fn deliver(event: Event) -> Result<Outcome> {} };
        let error = expand(&quote!(v1), item).expect_err("the macro accepted it");
        assert_eq!(
            error.to_string(),
            "`#[custom_phone_provider]` takes no arguments"
        );
    }
}
