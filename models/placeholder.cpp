// placeholder until the component has its first source
