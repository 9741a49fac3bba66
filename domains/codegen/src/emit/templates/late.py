class _Late:
    """Classes that are looked up when a value is first seen, and not built for the class that names them."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def _validate(self, value: Any) -> Any:
        classes = [globals()[name] for name in self.names]
        if isinstance(value, tuple(classes)):
            return value
        best, reasons = None, []
        for found in classes:
            try:
                made = found.model_validate(value)
            except ValidationError as error:
                reasons.append(error)
                continue
            if best is None or len(made.model_fields_set) > len(best.model_fields_set):
                best = made
        if best is None:
            raise ValueError("; ".join(str(reason) for reason in reasons))
        return best

    def _serialize(self, value: Any, info: Any) -> Any:
        if not isinstance(value, BaseModel):
            return value
        given = {name: getattr(info, name) for name in ("by_alias", "exclude_unset", "exclude_defaults", "exclude_none")}
        return value.model_dump(mode=info.mode, **given)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(self._serialize, info_arg=True),
            json_schema_input_schema=core_schema.dict_schema(),
        )


