use wasmparser::ComponentExternalKind;

/// What a type comes to when all that it refers to is spelt out.
#[derive(Clone, Copy)]
pub(super) struct Weight {
    pub(super) size: u64,
    pub(super) depth: u64,
}

/// A type, or something of that type.
#[derive(Clone, Copy)]
pub(super) struct Item {
    pub(super) whole: Weight,
    /// As much as the heaviest thing that can be taken out of it has, if it is an instance or makes one.
    part: Weight,
}

/// A component, or the type of a component or an instance, that is being read. An index that leads nowhere leads to what
/// weighs least here; the validator refuses it.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) types: Vec<Item>,
    functions: Vec<Item>,
    pub(super) instances: Vec<Item>,
    pub(super) components: Vec<Inner>,
    own: Inner,
}

/// A component that can be instantiated.
#[derive(Clone, Copy, Default)]
pub(super) struct Inner {
    /// What it imports and exports.
    pub(super) item: Item,
    pub(super) extent: Extent,
}

/// What instantiating a component comes to.
#[derive(Clone, Copy, Default)]
pub(super) struct Extent {
    pub(super) core_instances: u64,
    pub(super) definitions: u64,
}

impl Weight {
    pub(super) const ONE: Self = Self { size: 1, depth: 1 };

    /// That of a type around these.
    pub(super) fn around(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self::ONE;
        parts.into_iter().for_each(|part| whole.take_in(part));
        whole
    }

    fn take_in(&mut self, part: Self) {
        self.size = self.size.saturating_add(part.size);
        self.depth = self.depth.max(part.depth.saturating_add(1));
    }

    fn or(self, other: Self) -> Self {
        Self {
            size: self.size.max(other.size),
            depth: self.depth.max(other.depth),
        }
    }
}

impl Item {
    pub(super) fn new(whole: Weight) -> Self {
        Self { whole, part: whole }
    }

    /// What something is that is taken out of it.
    pub(super) fn part(self) -> Self {
        Self::new(self.part)
    }

    /// Makes this, an instance or a component, have one thing more.
    pub(super) fn take_in(&mut self, item: Self) {
        self.whole.take_in(item.whole);
        self.part = self.part.or(item.whole).or(item.part);
    }
}

impl Default for Item {
    fn default() -> Self {
        Self::new(Weight::ONE)
    }
}

impl Scope {
    pub(super) fn ty(&self, index: u32) -> Item {
        at(&self.types, index)
    }

    pub(super) fn instance(&self, index: u32) -> Item {
        at(&self.instances, index)
    }

    pub(super) fn component(&self, index: u32) -> Inner {
        at(&self.components, index)
    }

    pub(super) fn item(&self, kind: ComponentExternalKind, index: u32) -> Item {
        match kind {
            ComponentExternalKind::Func => at(&self.functions, index),
            ComponentExternalKind::Type => at(&self.types, index),
            ComponentExternalKind::Instance => at(&self.instances, index),
            ComponentExternalKind::Component => at(&self.components, index).item,
            ComponentExternalKind::Module | ComponentExternalKind::Value => Item::default(),
        }
    }

    /// The next index of this kind is this.
    pub(super) fn define(&mut self, kind: ComponentExternalKind, item: Item) {
        match kind {
            ComponentExternalKind::Func => self.functions.push(item),
            ComponentExternalKind::Type => self.types.push(item),
            ComponentExternalKind::Instance => self.instances.push(item),
            ComponentExternalKind::Component
            | ComponentExternalKind::Module
            | ComponentExternalKind::Value => {}
        }
    }

    /// It imports or exports this.
    pub(super) fn take_in(&mut self, item: Item) {
        self.own.item.take_in(item);
    }

    pub(super) fn extend(&mut self, by: Extent) -> Extent {
        let own = &mut self.own.extent;
        own.core_instances = own.core_instances.saturating_add(by.core_instances);
        own.definitions = own.definitions.saturating_add(by.definitions);
        *own
    }

    /// What it has come to.
    pub(super) fn whole(&self) -> Inner {
        self.own
    }
}

fn at<T: Copy + Default>(items: &[T], index: u32) -> T {
    items.get(index as usize).copied().unwrap_or_default()
}
