//! Kinds of change, each with its class.

use serde::{Deserialize, Serialize};

use super::Class;

/// Declares the kinds with their classes, worst class last.
macro_rules! kinds {
    ($($class:ident { $($(#[$about:meta])* $kind:ident = $name:literal,)+ })+) => {
        /// What kind of change something is. The order is that of reports.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum Kind { $($($(#[$about])* #[serde(rename = $name)] $kind,)+)+ }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$($(Self::$kind),+),+];

            /// The class of every change of this kind.
            pub const fn class(self) -> Class {
                match self { $($(Self::$kind)|+ => Class::$class,)+ }
            }

            /// Its name in reports.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$kind => $name,)+)+ }
            }
        }
    };
}

kinds! {
    Cosmetic {
        /// A label, comment or other annotation.
        AnnotationChanged = "annotation-changed",
        /// Types that stay come in another order.
        TypeOrder = "type-order",
        /// Relations that stay come in another order; no language is positional there.
        RelationOrder = "relation-order",
        /// States that stay come in another order.
        StateOrder = "state-order",
        /// Values of an enumeration that stay come in another order.
        ValueOrder = "value-order",
        /// Another relation of the target points back, or none.
        InverseChanged = "inverse-changed",
        /// A member is declared by a superclass now, or by the type itself instead of a superclass; the type has it as before.
        MemberMoved = "member-moved",
        /// A superclass edge that follows from others came or went.
        SuperclassRestated = "superclass-restated",
        /// A process has another name for people.
        ProcessName = "process-name",
    }
    Additive {
        /// A new type.
        TypeAdded = "type-added",
        /// A new field that may be absent.
        OptionalFieldAdded = "optional-field-added",
        /// A new list.
        ListAdded = "list-added",
        /// A new relation to many.
        RelationManyAdded = "relation-many-added",
        /// A new process.
        ProcessAdded = "process-added",
        /// A new enumeration.
        EnumerationAdded = "enumeration-added",
        /// A default where there was none.
        DefaultAdded = "default-added",
        /// A new superclass that brings nothing that must be present.
        SuperclassAdded = "superclass-added",
    }
    Breaking {
        /// A new field that must be present.
        RequiredFieldAdded = "required-field-added",
        /// A field that could be absent no longer can.
        FieldRequired = "field-required",
        /// A field that was always there may be absent.
        FieldOptional = "field-optional",
        /// A new relation to one.
        RelationOneAdded = "relation-one-added",
        /// A new state.
        StateAdded = "state-added",
        /// A field that was free text holds a state.
        StatePropertySet = "state-property-set",
        /// `int` became `long`.
        IntWidened = "int-widened",
        /// A relation to one is to many, or the other way.
        CardinalityChanged = "cardinality-changed",
        /// A single value became a list, or the other way.
        ListChanged = "list-changed",
        /// Fields that stay come in another order; C# records are positional.
        FieldOrder = "field-order",
        /// A type or enumeration has another name, and says what it was called.
        TypeRenamed = "type-renamed",
        /// A member has another name, and says what it was called.
        MemberRenamed = "member-renamed",
        /// A field may hold something else too.
        RangeAdded = "range-added",
        /// A relation may point to something else too.
        TargetAdded = "target-added",
        /// A new value of an enumeration.
        ValueAdded = "value-added",
        /// Another default.
        DefaultChanged = "default-changed",
        /// No default any more.
        DefaultRemoved = "default-removed",
        /// A new superclass that brings what must be present.
        SuperclassRequires = "superclass-requires",
        /// A process has other steps or starts otherwise.
        ProcessChanged = "process-changed",
    }
    Destructive {
        /// A type is gone.
        TypeRemoved = "type-removed",
        /// A field is gone.
        FieldRemoved = "field-removed",
        /// A relation is gone.
        RelationRemoved = "relation-removed",
        /// A state is gone.
        StateRemoved = "state-removed",
        /// A process is gone.
        ProcessRemoved = "process-removed",
        /// A field holds another scalar.
        ScalarChanged = "scalar-changed",
        /// A field became a relation, or the other way.
        MemberKindChanged = "member-kind-changed",
        /// A field no longer holds one of its alternatives.
        RangeRemoved = "range-removed",
        /// A relation no longer points to one of its targets.
        TargetRemoved = "target-removed",
        /// A type is no longer one of another.
        SuperclassRemoved = "superclass-removed",
        /// An enumeration is gone.
        EnumerationRemoved = "enumeration-removed",
        /// A value of an enumeration is gone.
        ValueRemoved = "value-removed",
        /// A name is now that of an enumeration instead of a type, or the other way.
        TypeKindChanged = "type-kind-changed",
        /// Another namespace.
        NamespaceChanged = "namespace-changed",
    }
}
